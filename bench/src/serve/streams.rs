//! Thousands of streams at once: all their words, their proper endings, and what each costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use super::clients::{Answer, Outcome, ask_watching, connect};
use super::peer::{ALMANAC, Peer, Usage};
use super::table::quantiles;
use super::work::Work;
use super::{Arguments, USERS};
use crate::almanac::{Almanac, User};
use crate::process;
use crate::report::Report;
use crate::sample::{median, ms};
use crate::upstream::{CHUNKS, SLOW_INTERVAL};

/// The time over which the streams begin.
const BEGINNING: Duration = Duration::from_secs(5);
/// Between two looks at the memory.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Between two turns: what one left behind is done, such as connections that end.
const REST: Duration = Duration::from_secs(2);

/// What one target showed, over all rounds.
#[derive(Default)]
struct Figures {
    outcomes: Vec<Outcome>,
    usages: Vec<Usage>,
    /// Before the first stream, in MiB.
    resident_at_rest: f64,
    resident_at_most: f64,
    at_once: Vec<f64>,
}

/// Gives all that was answered.
pub(super) async fn run(
    arguments: &Arguments,
    report: &mut Report,
    almanac: &Almanac,
    users: &[User],
    peers: &[Peer],
) -> Result<Vec<Outcome>> {
    let work = Arc::new(Work::slow_streams(users));
    let mut all: Vec<Figures> = peers.iter().map(|_| Figures::default()).collect();
    for round in 0..arguments.stream_rounds {
        for place in 0..peers.len() {
            let index = (place + round) % peers.len();
            let (peer, figures) = (&peers[index], &mut all[index]);
            tokio::time::sleep(REST).await;
            let before = peer.usage(almanac);
            if round == 0 {
                figures.resident_at_rest = before.resident_mib;
            }
            let (outcome, at_once, resident) = turn(peer, &work, arguments.streams).await?;
            figures.usages.push(peer.usage(almanac).since(&before));
            figures.outcomes.push(outcome);
            figures.at_once.push(at_once);
            figures.resident_at_most = figures.resident_at_most.max(resident);
        }
    }
    tell(report, arguments, peers, &all)?;
    Ok(all.into_iter().flat_map(|figures| figures.outcomes).collect())
}

/// All streams of one target: what came of them, how many there were at once, and the most memory meanwhile.
async fn turn(peer: &Peer, work: &Arc<Work>, count: usize) -> Result<(Outcome, f64, f64)> {
    let (begun, between) = (Instant::now(), BEGINNING / u32::try_from(count)?);
    let (now, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let mut streams = JoinSet::new();
    for number in 0..count {
        let due = begun + between * u32::try_from(number)?;
        streams.spawn(one(peer.address, Arc::clone(work), number, due, (Arc::clone(&now), Arc::clone(&most))));
    }
    let (mut outcome, mut resident, pids) = (Outcome::default(), 0_f64, peer.pids());
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            ended = streams.join_next() => match ended {
                Some(ended) => match ended? {
                    Ok(answer) => outcome.answers.push(answer),
                    Err(error) => outcome.failures.push(format!("{error:#}")),
                },
                None => break,
            },
            _ = looks.tick() => resident = resident.max(process::resident_mib(&pids)),
        }
    }
    outcome.elapsed = begun.elapsed();
    Ok((outcome, f64::from(u32::try_from(most.load(Ordering::Relaxed))?), resident))
}

async fn one(
    address: std::net::SocketAddr,
    work: Arc<Work>,
    number: usize,
    due: Instant,
    (now, most): (Arc<AtomicUsize>, Arc<AtomicUsize>),
) -> Result<Answer> {
    tokio::time::sleep_until(due.into()).await;
    let mut connection = connect(address).await?;
    let mut is_speaking = false;
    let answer = ask_watching(&mut connection, &work, number, due, || {
        is_speaking = true;
        most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
    })
    .await;
    if is_speaking {
        now.fetch_sub(1, Ordering::Relaxed);
    }
    answer
}

fn tell(report: &mut Report, arguments: &Arguments, peers: &[Peer], all: &[Figures]) -> Result<()> {
    let spoken_for = SLOW_INTERVAL * (CHUNKS - 1);
    report.line(&format!(
        "\n## {} streams at once\n\nOf {USERS} users, each on its own connection and in its own conversation, begun within \
         {} s; {CHUNKS} words, one every {} ms, so that the model speaks for {:.1} s. {} rounds. Late is how much later \
         than that a stream ended, counted from its first word.",
        arguments.streams,
        BEGINNING.as_secs(),
        SLOW_INTERVAL.as_millis(),
        spoken_for.as_secs_f64(),
        arguments.stream_rounds,
    ));
    report.head(&[
        "",
        "whole streams",
        "failed",
        "most at once",
        "first word, ms (median / p99)",
        "late, ms (median / p99)",
        "CPU per stream, ms",
        "database's CPU per stream, ms",
        "resident at rest, MiB",
        "at most, MiB",
        "per stream, KiB",
    ]);
    for (peer, figures) in peers.iter().zip(all) {
        let whole: usize = figures.outcomes.iter().map(|outcome| outcome.answers.len()).sum();
        let failures: Vec<&String> = figures.outcomes.iter().flat_map(|outcome| &outcome.failures).collect();
        let cpu = |of: &dyn Fn(&Usage) -> Duration| {
            let used: f64 = figures.usages.iter().map(|usage| ms(of(usage))).sum();
            format!("{:.2}", used / f64::from(u32::try_from(whole).unwrap_or(u32::MAX)))
        };
        let late = |answer: &Answer| answer.end.saturating_sub(answer.first).saturating_sub(spoken_for);
        let grown = figures.resident_at_most - figures.resident_at_rest;
        report.row(&[
            peer.name.to_owned(),
            whole.to_string(),
            failures.len().to_string(),
            format!("{:.0}", median(&figures.at_once)),
            quantiles(&figures.outcomes, |outcome| outcome.answers.iter().map(|answer| ms(answer.first)).collect()),
            quantiles(&figures.outcomes, |outcome| outcome.answers.iter().map(|answer| ms(late(answer))).collect()),
            cpu(&|usage| usage.cpu),
            cpu(&|usage| usage.database_cpu),
            format!("{:.1}", figures.resident_at_rest),
            format!("{:.1}", figures.resident_at_most),
            format!("{:.1}", grown * 1024.0 / f64::from(u32::try_from(arguments.streams)?)),
        ]);
        if let Some(first) = failures.first() {
            report.line(&format!("\n{}'s first failure: {first}\n", peer.name));
        }
        ensure!(peer.name != ALMANAC || failures.is_empty(), "Almanac failed: {:?}", failures.first());
    }
    Ok(())
}
