//! Clients of the mixed work: each asks again as soon as it has its answer, or requests come at a fixed rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::work::{Route, Work};
use crate::upstream::FIRST_WORD;
use crate::wire::Connection;

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// When requests come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// So many clients, each of which asks when it has its answer.
    Closed { clients: usize },
    /// At this rate, whether the answers before have come or not.
    Open { per_second: u32 },
}

/// One answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) route: Route,
    /// The first word of a stream, the first byte of anything else; since the request was due.
    pub(super) first: Duration,
    /// The end.
    pub(super) end: Duration,
}

/// What came of some time of asking.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) answers: Vec<Answer>,
    pub(super) failures: Vec<String>,
    pub(super) elapsed: Duration,
}

impl Outcome {
    pub(super) fn answers(&self, route: Route) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(move |answer| answer.route == route)
    }

    fn add(&mut self, answer: Result<Answer>) {
        match answer {
            Ok(answer) => self.answers.push(answer),
            Err(error) => self.failures.push(format!("{error:#}")),
        }
    }
}

/// Clients with their connections.
pub(super) struct Clients {
    pace: Pace,
    address: SocketAddr,
    work: Arc<Work>,
    idle: Vec<Connection>,
    turn: Arc<AtomicUsize>,
}

impl Pace {
    pub(super) async fn open(self, address: SocketAddr, work: &Arc<Work>) -> Result<Clients> {
        let mut idle = vec![];
        if let Self::Closed { clients } = self {
            for _ in 0..clients {
                idle.push(connect(address).await?);
            }
        }
        Ok(Clients { pace: self, address, work: Arc::clone(work), idle, turn: Arc::default() })
    }
}

impl Clients {
    /// Asks for a time, and waits for the last answers.
    pub(super) async fn run(&mut self, time: Duration) -> Result<Outcome> {
        match self.pace {
            Pace::Closed { .. } => self.run_closed(time).await,
            Pace::Open { per_second } => self.run_open(time, per_second).await,
        }
    }

    async fn run_closed(&mut self, time: Duration) -> Result<Outcome> {
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for mut connection in self.idle.drain(..) {
            let (work, turn, address) = (Arc::clone(&self.work), Arc::clone(&self.turn), self.address);
            tasks.spawn(async move {
                let mut outcome = Outcome::default();
                while begun.elapsed() < time {
                    let number = turn.fetch_add(1, Ordering::Relaxed);
                    let answer = ask(&mut connection, &work, number, Instant::now()).await;
                    if answer.is_err() {
                        connection = connect(address).await?;
                    }
                    outcome.add(answer);
                }
                Ok::<_, anyhow::Error>((connection, outcome))
            });
        }
        let mut all = Outcome::default();
        while let Some(ended) = tasks.join_next().await {
            let (connection, outcome) = ended??;
            self.idle.push(connection);
            all.answers.extend(outcome.answers);
            all.failures.extend(outcome.failures);
        }
        all.elapsed = begun.elapsed();
        Ok(all)
    }

    async fn run_open(&mut self, time: Duration, per_second: u32) -> Result<Outcome> {
        let (begun, between) = (Instant::now(), Duration::from_secs(1) / per_second);
        let (mut all, mut tasks) = (Outcome::default(), JoinSet::new());
        let mut due = begun;
        while due < begun + time {
            tokio::time::sleep_until(due.into()).await;
            while let Some(ended) = tasks.try_join_next() {
                self.take(&mut all, ended?);
            }
            let connection = match self.idle.pop() {
                Some(connection) => connection,
                None => connect(self.address).await?,
            };
            let number = self.turn.fetch_add(1, Ordering::Relaxed);
            tasks.spawn(ask_once(connection, Arc::clone(&self.work), number, due));
            due += between;
        }
        while let Some(ended) = tasks.join_next().await {
            self.take(&mut all, ended?);
        }
        all.elapsed = begun.elapsed();
        Ok(all)
    }

    fn take(&mut self, all: &mut Outcome, (connection, answer): (Connection, Result<Answer>)) {
        if answer.is_ok() {
            self.idle.push(connection);
        }
        all.add(answer);
    }
}

async fn ask_once(
    mut connection: Connection,
    work: Arc<Work>,
    number: usize,
    due: Instant,
) -> (Connection, Result<Answer>) {
    let answer = ask(&mut connection, &work, number, due).await;
    (connection, answer)
}

pub(super) async fn connect(address: SocketAddr) -> Result<Connection> {
    Connection::new(TcpStream::connect(address).await.context("cannot connect")?)
}

/// Makes one request, and checks its answer. Times count from when it was `due`.
pub(super) async fn ask(connection: &mut Connection, work: &Work, number: usize, due: Instant) -> Result<Answer> {
    ask_watching(connection, work, number, due, || {}).await
}

/// The same, telling when the first word or byte came.
pub(super) async fn ask_watching(
    connection: &mut Connection,
    work: &Work,
    number: usize,
    due: Instant,
    came: impl FnOnce(),
) -> Result<Answer> {
    let (route, request) = work.turn(number);
    let (mut first, mut came, mut seen) = (None, Some(came), 0);
    let exchange = async {
        connection.write(request).await?;
        let mut head = connection.answer().await?;
        let arrived = |body: &[u8], at: Instant| {
            let from = seen.max(FIRST_WORD.len()) - FIRST_WORD.len();
            let is_first = route != Route::Chat || memchr::memmem::find(&body[from..], FIRST_WORD.as_bytes()).is_some();
            if first.is_none() && is_first {
                first = Some(at.duration_since(due));
                if let Some(came) = came.take() {
                    came();
                }
            }
            seen = body.len();
        };
        let body = connection.body(&mut head, arrived).await?;
        Ok::<_, anyhow::Error>((head, body, due.elapsed()))
    };
    let answered = tokio::time::timeout(PATIENCE, exchange).await.context("no whole answer in time")?;
    let (head, body, end) = answered.with_context(|| route.name())?;
    work.check(number, &head.subject, &body)?;
    Ok(Answer { route, first: first.context("an answer without anything")?, end })
}
