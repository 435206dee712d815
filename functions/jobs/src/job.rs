//! The jobs by name, and how often each is due.

use std::time::{Duration, Instant};

use base::Result;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{App, drain, prune, stopped, tend_recurrences};

/// What a schedule or a message of the queue asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Deliver what is due in the outbox, or have it delivered by way of the queue.
    Drain,
    /// Delete what is kept for a time only.
    Prune,
    /// Put users whose recurring tasks need attention into the outbox.
    TendRecurrences,
}

impl Job {
    /// All jobs.
    pub const ALL: [Self; 3] = [Self::Drain, Self::Prune, Self::TendRecurrences];

    /// The name in events and in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Prune => "prune",
            Self::TendRecurrences => "tend_recurrences",
        }
    }

    /// How often it is due.
    pub const fn interval(self) -> Duration {
        match self {
            Self::Drain => Duration::from_mins(1),
            Self::Prune => Duration::from_hours(24),
            Self::TendRecurrences => Duration::from_hours(1),
        }
    }

    /// Runs it until it is done or this time has come, and gives how many entries or rows it dealt with. What is left
    /// is the next run's. A failure is reported.
    pub async fn run(self, app: &App, until: Instant) -> Result<u64> {
        let (_never, stop) = watch::channel(false);
        self.run_unless_stopped(app, until, &stop).await
    }

    /// The same, and it ends soon after `stop` turned true or its sender is gone: it gives back the entries that it has
    /// in its hands, and begins no more of them.
    pub async fn run_unless_stopped(self, app: &App, until: Instant, stop: &watch::Receiver<bool>) -> Result<u64> {
        let started = Instant::now();
        let ran = match self {
            Self::Drain => drain::drain(app, until, stop).await,
            Self::Prune => unless_stopped(stop, prune::prune(app, until)).await,
            Self::TendRecurrences => unless_stopped(stop, tend_recurrences::enqueue(app)).await,
        };
        let count = ran.inspect_err(|error| app.reports.send_failed_job(&app.clock, self.name(), error, None))?;
        tracing::info!(job = self.name(), count, ms = started.elapsed().as_millis(), "job");
        Ok(count)
    }
}

/// Drops a job that has nothing in its hands: what it was at is rolled back, and its next run's.
async fn unless_stopped(stop: &watch::Receiver<bool>, job: impl Future<Output = Result<u64>>) -> Result<u64> {
    let mut stop = stop.clone();
    tokio::select! {
        ran = job => ran,
        () = stopped(&mut stop) => {
            tracing::info!("the job was stopped before it was done");
            Ok(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_called_by_its_name() {
        for job in Job::ALL {
            assert_eq!(serde_json::to_value(job).unwrap(), job.name());
        }
    }
}
