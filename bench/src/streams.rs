//! Streams of 50 chunks: the upstream itself, nginx before it, the voice proxy, and the chat route.

mod figures;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::almanac::{Almanac, User};
use crate::load::{Clients, Target};
use crate::nginx::Nginx;
use crate::process;
use crate::report::Report;
use crate::upstream::{self, BURST, CHUNK_INTERVAL, CHUNKS, FIRST_WORD, PACED, SECOND_SENTENCE};
use crate::wire::request;
use figures::{Figures, tell};

/// How many users the chat's streams are spread over.
const USERS: usize = 16;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The program to measure.
    #[arg(long, default_value = "../target/release/almanac")]
    almanac: PathBuf,
    /// How often each target has its turn.
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// How many streams at once.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    at_once: Vec<usize>,
    /// Where files of the run are kept.
    #[arg(long, default_value = "../target/bench/run/streams")]
    folder: PathBuf,
    /// Only these targets, for profiling.
    #[arg(long, value_delimiter = ',', default_value = "direct,nginx,voice,chat")]
    targets: Vec<String>,
    /// Only this pace: `burst` or `paced`.
    #[arg(long)]
    pace: Option<String>,
}

/// One target with the processes that serve it.
struct Peer {
    target: Target,
    pids: Vec<u32>,
    database_pids: Vec<u32>,
}

pub(crate) async fn run(arguments: &Arguments, mut report: Report) -> Result<()> {
    let folder = std::path::absolute(&arguments.folder)?;
    let _absent = std::fs::remove_dir_all(&folder);
    let (_upstream, upstream) = upstream::start().await?;
    let nginx = Nginx::start(&folder.join("nginx"), upstream).await?;
    let almanac = Almanac::start(&std::path::absolute(&arguments.almanac)?, &folder, upstream).await?;
    let users = almanac.register(USERS).await?;
    report.line(&version_of(&arguments.almanac));
    let mut asked = 0;
    for (pace, model) in [("paced", PACED), ("burst", BURST)] {
        if arguments.pace.as_deref().is_some_and(|only| only != pace) {
            continue;
        }
        let peers = peers(model, upstream, &nginx, &almanac, &users);
        let peers: Vec<Peer> =
            peers.into_iter().filter(|peer| arguments.targets.iter().any(|name| name == peer.target.name)).collect();
        for &at_once in &arguments.at_once {
            let count = streams_per_round(pace, at_once);
            let figures = measure(&peers, at_once, count, arguments.rounds, pace == "paced").await?;
            tell(&mut report, pace, at_once, count * arguments.rounds, &figures);
            if peers.iter().any(|peer| peer.target.name == "chat") {
                // One each to warm up.
                asked += at_once + count * arguments.rounds;
            }
        }
    }
    let stored = check_stored(&almanac).await?;
    ensure!(stored == i64::try_from(asked)?, "{asked} replies were streamed, {stored} are stored whole");
    report.line(&format!("\nAll {stored} chat replies are committed: complete, with their whole text."));
    report.save()
}

fn peers(model: &str, upstream: SocketAddr, nginx: &Nginx, almanac: &Almanac, users: &[User]) -> Vec<Peer> {
    const DIRECT_MARKS: &[&str] = &[FIRST_WORD, SECOND_SENTENCE];
    const SPOKEN_MARKS: &[&str] = &[FIRST_WORD, FIRST_WORD];
    let question = "Plan my Monday, please.";
    let asked = json!({"model": model, "messages": [{"role": "user", "content": question}], "stream": true,
                       "stream_options": {"include_usage": true}});
    let asked: Arc<[Vec<u8>]> = [request("POST", "/v1/chat/completions", &[], &asked.to_string())].into();
    let spoken = json!({"apiKey": "bench", "message": question, "model": model, "stream": true}).to_string();
    let said = json!({"content": question, "model": format!("openai/{model}")}).to_string();
    let chat = users.iter().map(|user| {
        let bearer = format!("Bearer {}", user.token);
        request("POST", "/api/chat", &[("authorization", &bearer)], &said)
    });
    let target =
        |name, address, requests, marks, ending| Target { name, address, requests, status: "200", marks, ending };
    let (done, own, database_pids) = ("data: [DONE]", vec![almanac.pid()], almanac.database_pids());
    let spoken = [request("POST", "/api/conversation", &[], &spoken)].into();
    vec![
        Peer {
            target: target("direct", upstream, Arc::clone(&asked), DIRECT_MARKS, done),
            pids: vec![],
            database_pids: vec![],
        },
        Peer {
            target: target("nginx", nginx.address, asked, DIRECT_MARKS, done),
            pids: nginx.workers(),
            database_pids: vec![],
        },
        Peer {
            target: target("voice", almanac.address, spoken, SPOKEN_MARKS, r#""type":"done""#),
            pids: own.clone(),
            database_pids: vec![],
        },
        Peer {
            target: target("chat", almanac.address, chat.collect(), DIRECT_MARKS, r#""type":"finish""#),
            pids: own,
            database_pids,
        },
    ]
}

/// Enough for 10 ms of CPU time to be little, and not so many that a round gets long.
fn streams_per_round(pace: &str, at_once: usize) -> usize {
    match (pace, at_once) {
        ("paced", 1) => 8,
        ("paced", _) => at_once * 4,
        (_, 1) => 200,
        _ => at_once.max(40) * 10,
    }
}

async fn measure(peers: &[Peer], at_once: usize, count: usize, rounds: usize, paced: bool) -> Result<Vec<Figures>> {
    let spread = if paced { CHUNK_INTERVAL * CHUNKS } else { Duration::ZERO };
    let mut clients = Vec::new();
    for peer in peers {
        clients.push(Clients::open(peer.target.clone(), at_once).await?);
    }
    let mut all: Vec<Figures> =
        peers.iter().map(|peer| Figures { name: peer.target.name, ..Figures::default() }).collect();
    for _ in 0..rounds {
        for ((peer, clients), figures) in peers.iter().zip(&mut clients).zip(&mut all) {
            // Backends come and go with the pool.
            let database = if peer.database_pids.is_empty() { vec![] } else { process::descendants(peer.pids[0]) };
            let before = (process::cpu_of_all(&peer.pids), process::cpu_of_all(&database));
            let (timings, elapsed) = clients.run(count, spread).await?;
            figures.cpu += process::cpu_of_all(&peer.pids).saturating_sub(before.0);
            figures.database_cpu += process::cpu_of_all(&database).saturating_sub(before.1);
            figures.per_second.push(f64::from(u32::try_from(count)?) / elapsed.as_secs_f64());
            figures.resident_mib = figures.resident_mib.max(process::resident_mib(&peer.pids));
            figures.timings.push(timings);
        }
    }
    Ok(all)
}

/// How many replies are in the database, complete and with all their words.
async fn check_stored(almanac: &Almanac) -> Result<i64> {
    let client = almanac.superuser().await?;
    let words = i32::try_from(CHUNKS)?;
    let row = client
        .query_one(
            "select count(*) from messages where role = 'assistant' and status = 'complete'
             and array_length(string_to_array(trim(content), ' '), 1) = $1",
            &[&words],
        )
        .await?;
    Ok(row.get(0))
}

/// What was measured: the program's size tells a debug build from a release build.
fn version_of(program: &Path) -> String {
    let bytes = std::fs::metadata(program).map_or(0, |metadata| metadata.len());
    format!("Program: `{}`, {:.1} MB.", program.display(), bytes_in_mb(bytes))
}

#[expect(clippy::cast_precision_loss, reason = "a size to one decimal")]
fn bytes_in_mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
