//! Pages of history under row-level security, beside `pgbench` running the same SQL on the same database.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::almanac::{Almanac, User, messages};
use crate::beside::{Case, HEAD, Question, Time};
use crate::report::Report;
use crate::{upstream, wire};

const USERS: usize = 100;
const MESSAGES_PER_USER: usize = 1000;
const ROWS_PER_PAGE: usize = 50;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The program to measure.
    #[arg(long, default_value = "../target/release/almanac")]
    almanac: PathBuf,
    /// How often each has its turn.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How many seconds a turn lasts.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How many clients at once.
    #[arg(long, value_delimiter = ',', default_value = "1,8,16")]
    at_once: Vec<usize>,
    /// Where files of the run are kept.
    #[arg(long, default_value = "../target/bench/run/history")]
    folder: PathBuf,
}

pub(crate) async fn run(arguments: &Arguments, mut report: Report) -> Result<()> {
    let folder = std::path::absolute(&arguments.folder)?;
    let _absent = fs::remove_dir_all(&folder);
    // History asks no model, but the program wants an address.
    let upstream = upstream::spawn().await?;
    let almanac = Almanac::start(&std::path::absolute(&arguments.almanac)?, &folder, upstream).await?;
    let users = almanac.register(USERS).await?;
    fill(&almanac, &users).await?;
    let case = Case::prepare(&almanac, &folder, &question(&users)).await?;

    let time = Time { rounds: arguments.rounds, seconds: arguments.seconds };
    report.line(&format!(
        "{USERS} users with {MESSAGES_PER_USER} messages each, pages of {ROWS_PER_PAGE}; {} rounds of {} s each.",
        time.rounds, time.seconds
    ));
    report.head(&HEAD);
    for &at_once in &arguments.at_once {
        report.row(&case.measure(&almanac, at_once, time).await?);
    }
    report.save()
}

/// Lays out everybody's messages, in conversations of twenty.
async fn fill(almanac: &Almanac, users: &[User]) -> Result<()> {
    let client = almanac.superuser().await?;
    for user in users {
        let sql = messages(&user.id, MESSAGES_PER_USER);
        client.batch_execute(&sql).await.context("cannot lay out the messages")?;
    }
    client.batch_execute("vacuum analyze conversations").await?;
    client.batch_execute("vacuum analyze messages").await?;
    client.batch_execute("checkpoint").await?;
    let count: i64 = client.query_one("select count(*) from messages", &[]).await?.get(0);
    ensure!(count == i64::try_from(USERS * MESSAGES_PER_USER)?, "{count} messages were laid out");
    Ok(())
}

fn question(users: &[User]) -> Question {
    let requests = users.iter().map(|user| {
        let path = format!("/api/chat/history?limit={ROWS_PER_PAGE}");
        wire::request("GET", &path, &[("authorization", &user.bearer())], "")
    });
    Question { name: "history", requests: requests.collect(), status: "200", rows: Some(ROWS_PER_PAGE) }
}
