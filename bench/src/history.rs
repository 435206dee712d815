//! Pages of history under row-level security, beside `pgbench` running the same SQL on the same database.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::almanac::{Almanac, User, call};
use crate::load::{Clients, Target};
use crate::pgbench::{Pgbench, Sending, Turn};
use crate::process;
use crate::report::Report;
use crate::sample::{median, ms};
use crate::{upstream, wire};

const USERS: usize = 100;
const MESSAGES_PER_USER: i32 = 1000;
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
    let target = target(&almanac, &users);
    check_page(&target).await?;
    let pgbench = Pgbench::new(&folder, &almanac, &users)?;

    report.line(&format!(
        "{USERS} users with {MESSAGES_PER_USER} messages each, pages of {ROWS_PER_PAGE}; {} rounds of {} s each.",
        arguments.rounds, arguments.seconds
    ));
    report.head(&[
        "clients",
        "Almanac, pages/s",
        "pgbench pipelined",
        "pgbench one by one",
        "of pgbench pipelined",
        "of pgbench one by one",
        "page, ms",
        "Almanac's CPU per page, ms",
        "database's CPU per page, ms",
        "the same for pgbench pipelined",
        "resident, MiB",
    ]);
    for &at_once in &arguments.at_once {
        measure(&mut report, arguments, &pgbench, &almanac, &target, at_once).await?;
    }
    report.save()
}

async fn measure(
    report: &mut Report,
    arguments: &Arguments,
    pgbench: &Pgbench,
    almanac: &Almanac,
    target: &Target,
    at_once: usize,
) -> Result<()> {
    let mut clients = Clients::open(target.clone(), at_once).await?;
    let (mut own, mut piped, mut single, mut page_ms) = (vec![], vec![], vec![], vec![]);
    let (mut cpu, mut database_cpu, mut pages) = (Duration::ZERO, Duration::ZERO, 0);
    for _ in 0..arguments.rounds {
        let database = almanac.database_pids();
        let before = (process::cpu(almanac.pid())?, process::cpu_of_all(&database));
        let (timings, elapsed) = clients.run_for(Duration::from_secs(arguments.seconds)).await?;
        cpu += process::cpu(almanac.pid())?.saturating_sub(before.0);
        database_cpu += process::cpu_of_all(&database).saturating_sub(before.1);
        pages += u32::try_from(timings.len())?;
        own.push(f64::from(u32::try_from(timings.len())?) / elapsed.as_secs_f64());
        page_ms.push(median(&timings.iter().map(|timing| ms(timing.end)).collect::<Vec<_>>()));
        piped.push(pgbench.run(at_once, arguments.seconds, Sending::Pipelined).await?);
        single.push(pgbench.run(at_once, arguments.seconds, Sending::OneByOne).await?);
    }
    let per_second = |turns: &[Turn]| turns.iter().map(|turn| turn.per_second).collect::<Vec<_>>();
    let total = |figure: &dyn Fn(&Turn) -> f64| piped.iter().map(figure).sum::<f64>();
    let (peer_cpu, peer_pages) = (total(&|turn| turn.database_cpu_ms), total(&|turn| turn.transactions));
    let (piped, single) = (per_second(&piped), per_second(&single));
    let ratio = |peer: &[f64]| median(&own.iter().zip(peer).map(|(own, peer)| own / peer).collect::<Vec<_>>());
    report.row(&[
        at_once.to_string(),
        format!("{:.0}", median(&own)),
        format!("{:.0}", median(&piped)),
        format!("{:.0}", median(&single)),
        format!("{:.2}", ratio(&piped)),
        format!("{:.2}", ratio(&single)),
        format!("{:.2}", median(&page_ms)),
        format!("{:.3}", ms(cpu) / f64::from(pages)),
        format!("{:.3}", ms(database_cpu) / f64::from(pages)),
        format!("{:.3}", peer_cpu / peer_pages),
        format!("{:.1}", process::resident_mib(&[almanac.pid()])),
    ]);
    Ok(())
}

/// Lays out everybody's messages, in conversations of twenty.
async fn fill(almanac: &Almanac, users: &[User]) -> Result<()> {
    let client = almanac.superuser().await?;
    for user in users {
        let sql = format!(
            "with c as (
                 insert into conversations (id, user_id, title, created_at, updated_at)
                 select gen_random_uuid(), '{user}', 'Plans ' || n, now(), now() from generate_series(1, {count} / 20) n
                 returning id
             ), numbered as (
                 select id, row_number() over () as number from c
             )
             insert into messages (id, conversation_id, user_id, role, content, model, finish_reason, input_tokens,
                                   output_tokens, created_at, updated_at)
             select gen_random_uuid(), c.id, '{user}', case when n % 2 = 1 then 'user' else 'assistant' end,
                    repeat('Some words about the plan for ' || n || '. ', 8), 'openai/bench',
                    case when n % 2 = 0 then 'stop' end, case when n % 2 = 0 then 90 end,
                    case when n % 2 = 0 then 60 end,
                    now() - make_interval(mins => n), now() - make_interval(mins => n)
             from generate_series(1, {count}) n join numbered c on c.number = 1 + n % ({count} / 20)",
            user = user.id,
            count = MESSAGES_PER_USER
        );
        client.batch_execute(&sql).await.context("cannot lay out the messages")?;
    }
    client.batch_execute("vacuum analyze conversations").await?;
    client.batch_execute("vacuum analyze messages").await?;
    client.batch_execute("checkpoint").await?;
    let count: i64 = client.query_one("select count(*) from messages", &[]).await?.get(0);
    ensure!(count == i64::try_from(USERS)? * i64::from(MESSAGES_PER_USER), "{count} messages were laid out");
    Ok(())
}

fn target(almanac: &Almanac, users: &[User]) -> Target {
    let requests = users.iter().map(|user| {
        let bearer = format!("Bearer {}", user.token);
        wire::request("GET", &format!("/api/chat/history?limit={ROWS_PER_PAGE}"), &[("authorization", &bearer)], "")
    });
    Target { name: "history", address: almanac.address, requests: requests.collect(), marks: &[], ending: "}]" }
}

async fn check_page(target: &Target) -> Result<()> {
    let page = call(target.address, &target.requests[0]).await?;
    let rows = page.as_array().map_or(0, Vec::len);
    ensure!(rows == ROWS_PER_PAGE, "a page has {rows} rows");
    Ok(())
}
