//! Work that no request waits for: what the outbox holds, and what hours and days bring.
//!
//! On Lambda the function is called by schedules and by a queue, with a job's name: `{"job": "drain"}`. The program
//! `almanac` runs the same jobs in tasks of its own.
//!
//! | job | what it does | how often |
//! |---|---|---|
//! | [`Job::Drain`] | delivers what is due in the outbox | every minute on Lambda, at once in `almanac` |
//! | [`Job::TendRecurrences`] | puts users whose recurring tasks need attention into the outbox | every hour |
//! | [`Job::Prune`] | deletes what is kept for a time only | every day |
//!
//! A job may run twice at once and be cut off anywhere: it then leaves work to its next run, and nothing half done.

mod backoff;
mod deliver;
mod erase_user;
mod handle;
mod job;
mod prune;
mod tend_recurrences;
mod worker;

use base::config::Env;
use base::{Clock, Db};
use domain::outbox;

pub use domain::outbox::DeadEntry;
pub use handle::handle;
pub use job::Job;
pub use worker::{Limits, Worker, stopped};

/// What this function may use: the database as the service, since no user is asking.
#[derive(Debug, Clone)]
pub struct App {
    /// The database, for the login `almanac_service`.
    pub db: Db,
    /// The time.
    pub clock: Clock,
}

impl App {
    /// Reads `DATABASE_SERVICE_URL`.
    pub fn from_env(env: &Env) -> base::Result<Self> {
        Ok(Self { db: Db::service_from_env(env)?, clock: Clock::system() })
    }

    /// The newest entries of the outbox that were given up, at most `limit`.
    pub async fn list_dead(&self, limit: i64) -> base::Result<Vec<DeadEntry>> {
        Ok(outbox::list_dead(self.db.as_service().await?, limit).await?)
    }

    /// Gives an entry that was given up all its attempts again; false when there is none, or a newer one does its work.
    pub async fn retry_dead(&self, id: i64) -> base::Result<bool> {
        Ok(outbox::retry_dead(self.db.as_service().await?, id, self.clock.now()).await?)
    }

    /// A worker that delivers the outbox.
    pub fn worker(&self) -> Worker {
        let app = self.clone();
        let handler = move |entry| deliver::deliver(app.clone(), entry);
        Worker::new(self.db.clone(), self.clock.clone(), Limits::default(), handler)
    }
}
