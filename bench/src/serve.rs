//! `almanac serve` beside Hono with node-postgres and `FastAPI` with `SQLAlchemy`: the same routes on the same database,
//! for a mixed load and for thousands of streams at once.

mod clients;
mod fill;
mod install;
mod peer;
mod streams;
mod table;
mod work;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::almanac::{Almanac, User};
use crate::report::Report;
use crate::upstream;
use clients::{Outcome, Pace};
use peer::Peer;
use work::{Ledger, Work};

/// How many users everything is spread over.
const USERS: usize = 100;
/// How long each is asked before a turn counts: pools and connections are warm then.
const WARM_UP: Duration = Duration::from_millis(700);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The program to measure.
    #[arg(long, default_value = "../target/release/almanac")]
    almanac: PathBuf,
    /// How often each has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many seconds a turn of mixed work lasts.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// How many clients ask at once, each as soon as it has its answer.
    #[arg(long, value_delimiter = ',', default_value = "8,32")]
    at_once: Vec<usize>,
    /// How many requests a second come in the paced work.
    #[arg(long, default_value_t = 100)]
    per_second: u32,
    /// How many streams at once.
    #[arg(long, default_value_t = 2000)]
    streams: usize,
    /// How often each has its turn with the streams.
    #[arg(long, default_value_t = 3)]
    stream_rounds: usize,
    /// Only these targets, for profiling.
    #[arg(long, value_delimiter = ',', default_value = "almanac,node,python")]
    targets: Vec<String>,
    /// Where the peers are installed.
    #[arg(long, default_value = "../target/bench/peers")]
    peers: PathBuf,
    /// Where files of the run are kept.
    #[arg(long, default_value = "../target/bench/run/serve")]
    folder: PathBuf,
}

pub(crate) async fn run(arguments: &Arguments, mut report: Report) -> Result<()> {
    peer::raise_descriptors()?;
    let folder = std::path::absolute(&arguments.folder)?;
    let _absent = fs::remove_dir_all(&folder);
    let has = |name: &str| arguments.targets.iter().any(|target| target == name);
    let installed = install::install(&std::path::absolute(&arguments.peers)?, has)?;
    let (_upstream, model) = upstream::start().await?;
    let program = std::path::absolute(&arguments.almanac)?;
    let almanac = Almanac::serve(&program, &folder, model).await?;
    let mut users = almanac.register(USERS).await?;
    fill::fill(&almanac, &users).await?;
    let peers = Peer::all(&installed, &folder, &almanac, model, has).await?;
    for peer in &peers {
        report.line(&format!("- **{}**: {}", peer.name, peer.about));
    }

    let ledger = Ledger::open(&almanac).await?;
    let mut done = vec![];
    for &at_once in &arguments.at_once {
        let pace = Pace::Closed { clients: at_once };
        done.extend(mixed(arguments, &mut report, &almanac, &mut users, &peers, pace).await?);
    }
    if arguments.per_second > 0 {
        let pace = Pace::Open { per_second: arguments.per_second };
        done.extend(mixed(arguments, &mut report, &almanac, &mut users, &peers, pace).await?);
    }
    if arguments.streams > 0 {
        almanac.log_in(&mut users).await?;
        done.extend(streams::run(arguments, &mut report, &almanac, &users, &peers).await?);
    }
    report.line(&format!("\n{}", ledger.check(&almanac, &done).await?));
    report.save()
}

/// One kind of pace, all targets in turn. Gives all that was answered.
async fn mixed(
    arguments: &Arguments,
    report: &mut Report,
    almanac: &Almanac,
    users: &mut [User],
    peers: &[Peer],
    pace: Pace,
) -> Result<Vec<Outcome>> {
    almanac.log_in(users).await?;
    let work = Arc::new(Work::mixed(users, matches!(pace, Pace::Open { .. })));
    let mut tables: Vec<table::Mixed> = peers.iter().map(|peer| table::Mixed::new(peer.name)).collect();
    let mut warm = vec![];
    for round in 0..arguments.rounds {
        for place in 0..peers.len() {
            // Nobody always comes after the same one.
            let (peer, table) = (&peers[(place + round) % peers.len()], (place + round) % peers.len());
            let mut clients = pace.open(peer.address, &work).await?;
            warm.push(clients.run(WARM_UP).await?);
            let before = peer.usage(almanac);
            let outcome = clients.run(Duration::from_secs(arguments.seconds)).await?;
            tables[table].add(outcome, peer.usage(almanac).since(&before));
        }
    }
    table::tell(report, &pace, &tables);
    for table in &tables {
        let failed = table.outcomes().find_map(|outcome| outcome.failures.first());
        ensure!(table.name != peer::ALMANAC || failed.is_none(), "Almanac failed: {failed:?}");
    }
    Ok(tables.into_iter().flat_map(table::Mixed::into_outcomes).chain(warm).collect())
}
