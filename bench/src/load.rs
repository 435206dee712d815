//! Clients that keep their connections, one request at a time each, and note when what reached them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use memchr::memmem::Finder;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::wire::Connection;

/// What is asked of whom, and what in the answer is waited for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// What it is called in reports.
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// Each client takes the next in turn.
    pub(crate) requests: Arc<[Vec<u8>]>,
    /// The status that every answer must have.
    pub(crate) status: &'static str,
    /// Texts whose arrival is noted; every answer must have them.
    pub(crate) marks: &'static [&'static str],
    /// What the end of every answer must have, so that a cut answer never counts.
    pub(crate) ending: &'static str,
}

/// When what of one answer arrived, since the request was written.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    /// The first byte of the body.
    pub(crate) first_byte: Duration,
    /// Each of the target's marks.
    pub(crate) marks: Vec<Duration>,
    /// The end of the body.
    pub(crate) end: Duration,
}

/// A number of clients of one target.
#[derive(Debug)]
pub(crate) struct Clients {
    target: Target,
    connections: Vec<Connection>,
    /// Which request comes next.
    turn: Arc<AtomicUsize>,
}

impl Clients {
    /// Connects, and makes one request each that does not count: connections further on are opened by it.
    pub(crate) async fn open(target: Target, count: usize) -> Result<Self> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Connection::new(TcpStream::connect(target.address).await?)?);
        }
        let mut clients = Self { target, connections, turn: Arc::default() };
        clients.run(count, Duration::ZERO).await?;
        Ok(clients)
    }

    /// Makes `count` requests in all. The clients begin spread over `spread`, so that they do not march in step.
    /// Also tells how long it took.
    pub(crate) async fn run(&mut self, count: usize, spread: Duration) -> Result<(Vec<Timing>, Duration)> {
        let left = Arc::new(AtomicUsize::new(count));
        self.run_while(spread, move || {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
        })
        .await
    }

    /// Makes requests for a time.
    pub(crate) async fn run_for(&mut self, time: Duration) -> Result<(Vec<Timing>, Duration)> {
        let begun = Instant::now();
        self.run_while(Duration::ZERO, move || begun.elapsed() < time).await
    }

    async fn run_while(
        &mut self,
        spread: Duration,
        go_on: impl Fn() -> bool + Clone + Send + 'static,
    ) -> Result<(Vec<Timing>, Duration)> {
        let (begun, count) = (Instant::now(), self.connections.len());
        let mut tasks = JoinSet::new();
        for (index, mut connection) in self.connections.drain(..).enumerate() {
            let (target, turn, go_on) = (self.target.clone(), Arc::clone(&self.turn), go_on.clone());
            let wait = spread.mul_f64(f64::from(u32::try_from(index)?) / f64::from(u32::try_from(count)?));
            tasks.spawn(async move {
                tokio::time::sleep(wait).await;
                let mut timings = Vec::new();
                while go_on() {
                    let turn = turn.fetch_add(1, Ordering::Relaxed) % target.requests.len();
                    let timing = exchange(&mut connection, &target, &target.requests[turn]).await;
                    timings.push(timing.with_context(|| format!("{} did not answer", target.name))?);
                }
                Ok::<_, anyhow::Error>((connection, timings))
            });
        }
        let mut all = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            let (connection, timings) = ended??;
            self.connections.push(connection);
            all.extend(timings);
        }
        Ok((all, begun.elapsed()))
    }
}

async fn exchange(connection: &mut Connection, target: &Target, request: &[u8]) -> Result<Timing> {
    let begun = Instant::now();
    connection.write(request).await?;
    let mut head = connection.answer().await?;
    let mut first_byte = None;
    let mut marks: Vec<Option<Duration>> = vec![None; target.marks.len()];
    let mut seen = 0;
    let body = connection.body(&mut head, |body, at| {
        let since = at.duration_since(begun);
        first_byte.get_or_insert(since);
        for (mark, found) in target.marks.iter().zip(&mut marks).filter(|(_, found)| found.is_none()) {
            // It may have come in two parts.
            let from = seen.max(mark.len()) - mark.len();
            if Finder::new(mark).find(&body[from..]).is_some() {
                *found = Some(since);
            }
        }
        seen = body.len();
    });
    let body = body.await?;
    let end = begun.elapsed();
    let text = || String::from_utf8_lossy(&body).into_owned();
    ensure!(head.subject == target.status, "status {}: {}", head.subject, text());
    let tail = &body[body.len().saturating_sub(512)..];
    ensure!(Finder::new(target.ending).find(tail).is_some(), "the answer is cut: {}", text());
    let marks: Option<Vec<Duration>> = marks.into_iter().collect();
    let marks = marks.with_context(|| format!("not all of {:?} came: {}", target.marks, text()))?;
    Ok(Timing { first_byte: first_byte.context("an empty answer")?, marks, end })
}
