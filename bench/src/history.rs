//! Pages of history under row-level security, beside `pgbench` running the same SQL on the same database.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::almanac::{Almanac, User, call};
use crate::load::{Clients, Target};
use crate::process;
use crate::report::Report;
use crate::sample::{median, ms};
use crate::{upstream, wire};

const USERS: usize = 100;
const MESSAGES_PER_USER: i32 = 1000;
const ROWS_PER_PAGE: usize = 50;
/// In which the server takes note of connections that have ended.
const ENDING: Duration = Duration::from_millis(200);
/// What `shared/domain/src/message.rs` and `shared/base/src/db/transaction.rs` send, word for word, with the
/// parameters written out; `__USER__` stands for the user's id. One row more than the page is asked for.
const SETTINGS: &str = r#"select set_config('role', 'authenticated', true), set_config('request.jwt.claims', '{"sub":"__USER__","role":"authenticated"}', true), set_config('request.jwt.claim.sub', '__USER__', true), set_config('statement_timeout', '10000', true);"#;
const PAGE: &str = "select id, conversation_id, parent_id, role, content, model, \
    case when status = 'streaming' and alive_until < now() then 'interrupted' else status end as status, \
    finish_reason, error_code, input_tokens, output_tokens, usage_estimated, created_at, updated_at \
    from messages where user_id = '__USER__' \
    and (null::uuid is null or conversation_id = null) \
    and (null::timestamptz is null or created_at < null) \
    and (null::uuid is null or (created_at, id) < (select created_at, id from messages where user_id = '__USER__' and id = null)) \
    and (null::text is null or search @@ websearch_to_tsquery('simple', null)) \
    order by created_at desc, id desc limit 51;";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The program to measure.
    #[arg(long, default_value = "../target/release/almanac")]
    almanac: PathBuf,
    /// pgbench; by default the one in the newest installed PostgreSQL, or on the path.
    #[arg(long, default_value = "pgbench")]
    pgbench: PathBuf,
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

/// How `pgbench` sends a transaction's four statements.
#[derive(Debug, Clone, Copy)]
enum Sending {
    /// All in one round trip, as Almanac does.
    Pipelined,
    /// A round trip each.
    OneByOne,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let folder = std::path::absolute(&arguments.folder)?;
    let _absent = fs::remove_dir_all(&folder);
    // History asks no model, but the program wants an address.
    let upstream = upstream::spawn().await?;
    let almanac = Almanac::start(&std::path::absolute(&arguments.almanac)?, &folder, upstream).await?;
    let users = almanac.register(USERS).await?;
    fill(&almanac, &users).await?;
    let target = target(&almanac, &users);
    check_page(&target).await?;
    for sending in [Sending::Pipelined, Sending::OneByOne] {
        write_scripts(&folder, &users, sending)?;
    }

    let mut report = Report::new("history");
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
        measure(&mut report, arguments, &folder, &almanac, &target, at_once).await?;
    }
    report.save()
}

async fn measure(
    report: &mut Report,
    arguments: &Arguments,
    folder: &Path,
    almanac: &Almanac,
    target: &Target,
    at_once: usize,
) -> Result<()> {
    let mut clients = Clients::open(target.clone(), at_once).await?;
    let (mut own, mut piped, mut single, mut page_ms) = (vec![], vec![], vec![], vec![]);
    let (mut cpu, mut database_cpu, mut pages) = (Duration::ZERO, Duration::ZERO, 0);
    let (mut peer_cpu, mut peer_pages) = (vec![], vec![]);
    for _ in 0..arguments.rounds {
        let database = almanac.database_pids();
        let before = (process::cpu(almanac.pid())?, process::cpu_of_all(&database));
        let (timings, elapsed) = clients.run_for(Duration::from_secs(arguments.seconds)).await?;
        cpu += process::cpu(almanac.pid())?.saturating_sub(before.0);
        database_cpu += process::cpu_of_all(&database).saturating_sub(before.1);
        pages += u32::try_from(timings.len())?;
        own.push(f64::from(u32::try_from(timings.len())?) / elapsed.as_secs_f64());
        page_ms.push(median(&timings.iter().map(|timing| ms(timing.end)).collect::<Vec<_>>()));
        for sending in [Sending::Pipelined, Sending::OneByOne] {
            let bench = pgbench(arguments, folder, almanac, at_once, sending).await?;
            match sending {
                Sending::Pipelined => {
                    piped.push(bench.per_second);
                    peer_cpu.push(bench.database_cpu_ms);
                    peer_pages.push(bench.transactions);
                }
                Sending::OneByOne => single.push(bench.per_second),
            }
        }
    }
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
        format!("{:.3}", peer_cpu.iter().sum::<f64>() / peer_pages.iter().sum::<f64>()),
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

impl Sending {
    fn folder(self, folder: &Path) -> PathBuf {
        folder.join(match self {
            Self::Pipelined => "pipelined",
            Self::OneByOne => "one-by-one",
        })
    }
}

/// One script for each user, of which `pgbench` takes one by chance each time.
fn write_scripts(folder: &Path, users: &[User], sending: Sending) -> Result<()> {
    let folder = sending.folder(folder);
    fs::create_dir_all(&folder)?;
    for (index, user) in users.iter().enumerate() {
        let statements = format!("begin;\n{SETTINGS}\n{PAGE}\ncommit;\n").replace("__USER__", &user.id);
        let script = match sending {
            Sending::Pipelined => format!("\\startpipeline\n{statements}\\endpipeline\n"),
            Sending::OneByOne => statements,
        };
        fs::write(folder.join(format!("{index}.sql")), script)?;
    }
    Ok(())
}

/// What one turn of `pgbench` showed.
struct Turn {
    per_second: f64,
    transactions: f64,
    /// What the database used for all of them, in milliseconds.
    database_cpu_ms: f64,
}

/// As the application's login and with unnamed statements, like Almanac.
async fn pgbench(
    arguments: &Arguments,
    folder: &Path,
    almanac: &Almanac,
    at_once: usize,
    sending: Sending,
) -> Result<Turn> {
    let clients = at_once.to_string();
    let mut command = Command::new(program(&arguments.pgbench));
    command.args(["--no-vacuum", "--protocol=extended", "--username=almanac_app", "--client", &clients]);
    command.arg("--time").arg(arguments.seconds.to_string()).arg("--host").arg(almanac.socket_folder());
    for index in 0..USERS {
        command.arg("--file").arg(sending.folder(folder).join(format!("{index}.sql")));
    }
    let database = almanac.database_pids();
    let before = process::cpu_with_ended(&database);
    let output =
        command.arg("almanac").output().await.context("pgbench is needed: apt-get install postgresql-contrib")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let failed = || format!("pgbench failed: {text}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), failed());
    let figure = |label: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
        rest.split_whitespace().next()?.parse::<f64>().ok()
    };
    let per_second = figure("tps = ").with_context(failed)?;
    let transactions = figure("number of transactions actually processed: ").with_context(failed)?;
    // A connection counts once the server has seen it end.
    tokio::time::sleep(ENDING).await;
    let database_cpu_ms = ms(process::cpu_with_ended(&database).saturating_sub(before));
    Ok(Turn { per_second, transactions, database_cpu_ms })
}

/// Debian keeps `pgbench` on the path by a wrapper in Perl; the program itself starts faster.
fn program(told: &Path) -> PathBuf {
    let mut installed: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin/pgbench"))
        .filter(|program| program.exists())
        .collect();
    installed.sort();
    let newest = installed.pop().filter(|_| told == Path::new("pgbench"));
    newest.unwrap_or_else(|| told.to_owned())
}
