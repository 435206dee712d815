//! Work that no request waits for: what the outbox holds, and what hours and days bring.
//!
//! On Lambda the function is called by schedules and by a queue, with a job's name: `{"job": "drain"}`. The program
//! `almanac` runs the same jobs in tasks of its own.
//!
//! Whoever commits an entry of the outbox announces it, so that it is delivered at once: in `almanac` that wakes a
//! worker, and on Lambda it sends `{"job": "deliver", "user_id": …}` to the queue, which calls this function. What
//! is lost on that way, and what failed and is due again, the sweep of every minute finds.
//!
//! | job | what it does | how often |
//! |---|---|---|
//! | [`Job::Drain`] | delivers what is due in the outbox, or has it delivered through the queue | every minute |
//! | [`Job::TendRecurrences`] | puts users whose recurring tasks need attention into the outbox | every hour |
//! | [`Job::Prune`] | deletes what is kept for a time only | every day |
//!
//! A job may run twice at once and be cut off anywhere: it then leaves work to its next run, and nothing half done.

mod backoff;
mod deliver;
mod drain;
mod erase_user;
mod handle;
mod job;
mod prune;
mod tend_recurrences;
mod worker;

use std::sync::Arc;

use base::config::Env;
use base::error_report::ErrorReports;
use base::http::Metrics;
use base::http_client::HttpClient;
use base::queue::{Bell, JobsQueue};
use base::secret_token::SecretToken;
use base::{Clock, Db};
use domain::{erasure, outbox};
use uuid::Uuid;

pub use domain::erasure::Repeat;
pub use domain::outbox::DeadEntry;
pub use handle::handle;
pub use job::Job;
pub use worker::{Limits, Worker, stopped};

/// How many entries or messages one call deals with at once, and so how many connections it needs.
const AT_ONCE: usize = 4;

/// What this function may use: the database as the service, since no user is asking, and the queue that calls it.
#[derive(Debug, Clone)]
pub struct App {
    /// The database, for the login `almanac_service`.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// The queue whose messages call this function. Without it the sweep delivers what is due itself.
    pub queue: Option<JobsQueue>,
    /// Wakes the workers of this process.
    pub bell: Bell,
    /// Where failures are reported.
    pub reports: ErrorReports,
    /// Where it is measured how the outbox stands.
    pub metrics: Metrics,
}

impl App {
    /// Reads `DATABASE_SERVICE_URL`, `DATABASE_CONNECTIONS_MAX` (here 4 where it is not set), `JOBS_QUEUE_URL`,
    /// `SENTRY_DSN` and `METRICS`.
    pub fn from_env(env: &Env) -> base::Result<Self> {
        let connections = env.parse_or("DATABASE_CONNECTIONS_MAX", AT_ONCE)?;
        let db = Db::service_from_env(&env.clone().with("DATABASE_CONNECTIONS_MAX", connections.to_string()))?;
        let queue = JobsQueue::from_env(env, &HttpClient::default())?;
        let (reports, metrics) = (ErrorReports::from_env(env)?, Metrics::from_env(env)?);
        let app = Self { reports, metrics, ..Self::new(db, Clock::system()) };
        Ok(match queue {
            Some(queue) => app.announcing_through(queue),
            None => app,
        })
    }

    /// Without a queue; failures are only logged, and nothing is measured.
    pub fn new(db: Db, clock: Clock) -> Self {
        let (reports, metrics) = (ErrorReports::default(), Metrics::default());
        let bell = Bell::default();
        let db = db.announcing(Arc::new(bell.clone()));
        Self { db, clock, queue: None, bell, reports, metrics }
    }

    /// The same with workers that wake when this bell is rung, as it is for entries that jobs add.
    #[must_use]
    pub fn woken_by(self, bell: Bell) -> Self {
        let db = if self.queue.is_none() { self.db.announcing(Arc::new(bell.clone())) } else { self.db };
        Self { db, bell, ..self }
    }

    /// The same with a queue, which is told of entries that jobs add.
    #[must_use]
    pub fn announcing_through(self, queue: JobsQueue) -> Self {
        Self { db: self.db.announcing(Arc::new(queue.clone())), queue: Some(queue), ..self }
    }

    /// The newest entries of the outbox that were given up, at most `limit`.
    pub async fn list_dead(&self, limit: i64) -> base::Result<Vec<DeadEntry>> {
        Ok(outbox::list_dead(self.db.as_service().await?, limit).await?)
    }

    /// Gives an entry that was given up all its attempts again; false when there is none, or a newer one does its work.
    pub async fn retry_dead(&self, id: i64) -> base::Result<bool> {
        Ok(outbox::retry_dead(self.db.as_service().await?, id, self.clock.now()).await?)
    }

    /// Leaves the erasure of a user who is back from an old backup to the outbox. Nobody gets a receipt.
    pub async fn erase(&self, owner: Uuid) -> base::Result<Repeat> {
        let (id, group) = (self.clock.new_id(), self.clock.new_id());
        let receipt_hash = SecretToken::generate()?.hash();
        let tx = self.db.as_job(owner, group).await?;
        Ok(erasure::request_again(tx, owner, id, &receipt_hash, self.clock.now()).await?)
    }

    /// A worker that delivers the outbox.
    pub fn worker(&self) -> Worker {
        let app = self.clone();
        let handler = move |entry| deliver::deliver(app.clone(), entry);
        let worker = Worker::new(self.db.clone(), self.clock.clone(), Limits::default(), handler);
        worker.woken_by(self.bell.clone()).reporting_to(self.reports.clone())
    }
}
