//! Delivers the outbox: takes an entry, hands it to its handler outside of any transaction, and notes what became of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::error_report::ErrorReports;
use base::queue::Bell;
use base::{Clock, Db, Error, Result};
use domain::outbox::{self, Claim, Entry, Settlement};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::AT_ONCE;
use crate::backoff::{backoff, spread};

/// How long a worker waits when the database cannot be asked.
const DATABASE_WAIT: Duration = Duration::from_secs(5);
/// How much longer than its handler's time a worker holds an entry: enough to note the outcome, slowly and again.
const SETTLE_TIME: Duration = Duration::from_secs(40);
/// How often noting an outcome is tried.
const SETTLE_ATTEMPTS: u32 = 3;

/// The bounds of delivery. The defaults are production's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How often an entry is tried before it is given up. With the default waits that is after two to three hours.
    pub attempts_max: i16,
    /// How long a handler may take. Afterwards it is dropped, and the attempt has failed.
    pub handle_timeout: Duration,
    /// How long a handler may go on when the worker is to stop. Afterwards it is dropped, and the entry given back.
    pub stop_grace: Duration,
    /// The wait after the first failure; it doubles from there.
    pub backoff_first: Duration,
    /// The longest wait after a failure.
    pub backoff_longest: Duration,
    /// How often an idle worker looks for entries that it was not woken for.
    pub poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempts_max: 12,
            handle_timeout: Duration::from_mins(1),
            stop_grace: Duration::from_secs(5),
            backoff_first: Duration::from_secs(5),
            backoff_longest: Duration::from_hours(1),
            poll: Duration::from_secs(1),
        }
    }
}

impl Limits {
    /// How long an entry is held. When its worker dies, it is due again after this.
    pub fn lease(&self) -> Duration {
        self.handle_timeout + SETTLE_TIME
    }
}

type Handler = dyn Fn(Entry) -> BoxFuture<'static, Result<()>> + Send + Sync;

/// One deliverer of the outbox; clones work side by side, in one process or in many.
#[derive(Clone)]
pub struct Worker {
    db: Db,
    clock: Clock,
    limits: Limits,
    handler: Arc<Handler>,
    bell: Bell,
    reports: ErrorReports,
}

/// How an attempt ended.
enum Outcome {
    Delivered,
    Failed(Error),
    /// The worker was told to stop before the handler was done.
    Stopped,
}

impl Worker {
    /// A worker that hands entries to `handler`. `db` logs in as the service.
    pub fn new<F>(db: Db, clock: Clock, limits: Limits, handler: impl Fn(Entry) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let handler = Arc::new(move |entry| handler(entry).boxed());
        Self { db, clock, limits, handler, bell: Bell::default(), reports: ErrorReports::default() }
    }

    /// The same, and it looks for entries as soon as this bell is rung.
    #[must_use]
    pub fn woken_by(self, bell: Bell) -> Self {
        Self { bell, ..self }
    }

    /// The same, and it reports what it gives up.
    #[must_use]
    pub fn reporting_to(self, reports: ErrorReports) -> Self {
        Self { reports, ..self }
    }

    /// Delivers entry after entry, and looks for new ones when there is none, until `stop` turns true or its sender
    /// is gone. What is under way then is finished within [`Limits::stop_grace`], or given back.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !is_stopped(&stop) {
            let wait = match self.step(&stop).await {
                Ok(true) => continue,
                Ok(false) => self.limits.poll,
                Err(error) => {
                    tracing::error!(code = error.code(), cause = error.cause(), "the outbox cannot be read");
                    DATABASE_WAIT
                }
            };
            tokio::select! {
                () = stopped(&mut stop) => {}
                () = self.bell.rung() => {}
                () = sleep(spread(wait, self.random_fraction())) => {}
            }
        }
    }

    /// Delivers all that is due, several entries at once, and gives how many attempts that took. Nothing is begun
    /// that might not be done by `until`, nor after `stop` turned true; what is under way then is finished within
    /// [`Limits::stop_grace`], or given back.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked. That a handler fails is none.
    pub async fn drain(&self, until: Instant, stop: &watch::Receiver<bool>) -> Result<u64> {
        let drainers = (0..AT_ONCE).map(|_| self.drain_alone(until, stop));
        // All of them end before an error is told, so that none is dropped with an entry in its hands.
        join_all(drainers).await.into_iter().sum()
    }

    async fn drain_alone(&self, until: Instant, stop: &watch::Receiver<bool>) -> Result<u64> {
        let mut attempts = 0;
        while !is_stopped(stop) && Instant::now() + self.limits.handle_timeout < until && self.step(stop).await? {
            attempts += 1;
        }
        Ok(attempts)
    }

    /// Delivers all that is due of one user's, in its order, and gives how many attempts that took: none when somebody
    /// else is at it. Nothing is begun that might not be done by `until`.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked, or the time was over before nothing was due any more.
    pub async fn deliver(&self, owner: Uuid, until: Instant) -> Result<u64> {
        let (_never, stop) = watch::channel(false);
        let mut attempts = 0;
        while Instant::now() + self.limits.handle_timeout < until {
            let (now, token) = (self.clock.now(), self.clock.new_id());
            let tx = self.db.as_service().await?;
            let Some(claim) = outbox::claim_of(tx, owner, token, now, now + self.limits.lease()).await? else {
                return Ok(attempts);
            };
            self.deal_with(&claim, &stop).await?;
            attempts += 1;
        }
        Err(Error::unavailable("out_of_time", "What came before this took all the time."))
    }

    /// Takes one entry and deals with it. False when none is due.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked, or the outcome cannot be noted: then the entry is due again when its time
    /// is over.
    pub async fn step(&self, stop: &watch::Receiver<bool>) -> Result<bool> {
        let now = self.clock.now();
        let claimed = outbox::claim(self.db.as_service().await?, self.clock.new_id(), now, now + self.limits.lease());
        let Some(claim) = claimed.await? else { return Ok(false) };
        self.deal_with(&claim, stop).await?;
        Ok(true)
    }

    async fn deal_with(&self, claim: &Claim, stop: &watch::Receiver<bool>) -> Result<()> {
        let started = Instant::now();
        let outcome = self.attempt(&claim.entry, stop).await;
        self.conclude(claim, outcome, started.elapsed()).await
    }

    /// Hands the entry to its handler, in bounded time.
    async fn attempt(&self, entry: &Entry, stop: &watch::Receiver<bool>) -> Outcome {
        if entry.attempt > self.limits.attempts_max {
            return Outcome::Failed(Error::internal("each worker that tried it ended before it was done"));
        }
        let handled = AssertUnwindSafe(async { (self.handler)(entry.clone()).await }).catch_unwind();
        tokio::select! {
            handled = timeout(self.limits.handle_timeout, handled) => match handled {
                Ok(Ok(Ok(()))) => Outcome::Delivered,
                Ok(Ok(Err(error))) => Outcome::Failed(error),
                Ok(Err(_panic)) => Outcome::Failed(Error::internal("the handler panicked")),
                Err(_late) => Outcome::Failed(Error::internal("the handler took too long")),
            },
            () = grace_after_stop(stop.clone(), self.limits.stop_grace) => Outcome::Stopped,
        }
    }

    /// Notes and logs the outcome.
    async fn conclude(&self, claim: &Claim, outcome: Outcome, took: Duration) -> Result<()> {
        let now = self.clock.now();
        let is_last = claim.entry.attempt >= self.limits.attempts_max;
        let (name, error) = match &outcome {
            Outcome::Delivered => ("delivered", None),
            Outcome::Stopped => ("released", None),
            Outcome::Failed(error) => (if is_last { "dead" } else { "failed" }, Some(error)),
        };
        log(&claim.entry, name, error, took);
        if let Some(error) = error.filter(|_| is_last) {
            let job = format!("outbox {}", claim.entry.kind);
            self.reports.send_failed_job(&self.clock, &job, error, Some(claim.entry.user_id));
        }
        let settlement = match outcome {
            Outcome::Delivered => Settlement::Delivered,
            Outcome::Stopped => Settlement::Released,
            Outcome::Failed(error) if is_last => Settlement::Dead { reason: reason(&error) },
            Outcome::Failed(error) => {
                let (first, longest) = (self.limits.backoff_first, self.limits.backoff_longest);
                let wait = backoff(first, longest, claim.entry.attempt, self.random_fraction());
                Settlement::Failed { due_at: now + wait, reason: reason(&error) }
            }
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let settled =
                async { Ok(outbox::settle(self.db.as_service().await?, claim, settlement.clone(), now).await?) };
            match settled.await {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    // Its user was deleted with it, as by an erasure, or its time was over and another worker has it.
                    tracing::info!(entry_id = claim.entry.id, kind = claim.entry.kind, "the outcome was not noted");
                    return Ok(());
                }
                Err(error) if attempts == SETTLE_ATTEMPTS => return Err(error),
                Err(_) => sleep(Duration::from_secs(1)).await,
            }
        }
    }

    /// A number from 0 to 1: the lower bits of an id are random.
    fn random_fraction(&self) -> f64 {
        let bits = self.clock.new_id().as_u128() & u128::from(u32::MAX);
        f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
    }
}

/// One line for each attempt. The error's cause is in it, and nowhere else.
fn log(entry: &Entry, outcome: &str, error: Option<&Error>, took: Duration) {
    let (id, user_id, kind, attempt, ms) = (entry.id, entry.user_id, &entry.kind, entry.attempt, took.as_millis());
    match error {
        None => tracing::info!(entry_id = id, %user_id, kind, attempt, ms, outcome, "entry"),
        Some(error) => {
            let (code, cause) = (error.code(), error.cause());
            tracing::error!(entry_id = id, %user_id, kind, attempt, ms, outcome, code, cause, "entry");
        }
    }
}

/// What is kept with the entry: the words that a client might read, for the cause may hold a secret.
fn reason(error: &Error) -> String {
    format!("{}: {error}", error.code())
}

fn is_stopped(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

/// Ends when `stop` turns true, or its sender is gone.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // What it gives holds a lock, and must not live on.
    drop(stop.wait_for(|stopped| *stopped).await);
}

/// Ends this long after the worker was told to stop.
async fn grace_after_stop(mut stop: watch::Receiver<bool>, grace: Duration) {
    stopped(&mut stop).await;
    sleep(grace).await;
}
