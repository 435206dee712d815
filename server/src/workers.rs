//! The jobs in this process: workers that deliver the outbox, and a task for each schedule.
//!
//! Several processes may run them side by side: workers take entries from each other's reach, and a scheduled job that
//! runs twice does nothing the second time. So there is no leader.

use std::time::{Duration, Instant};

use base::Clock;
use base::config::{ConfigError, Env};
use base::queue::Bell;
use jobs::{App, Job, stopped};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How many entries are delivered at once, unless `JOB_WORKERS` says otherwise.
const WORKERS: usize = 4;
/// The most workers that make sense, since each holds a connection now and then.
const WORKERS_MAX: usize = 64;
/// Scheduled jobs first run this long after the start, when requests have been served for a while.
const FIRST_RUN: Duration = Duration::from_secs(15);
/// How long a scheduled job may take; what it leaves is its next run's.
const RUN_TIME: Duration = Duration::from_mins(10);
/// How long stopping may take. What is cut off then is due again when its time is over.
const STOP_TIME: Duration = Duration::from_secs(10);

/// The running jobs. Dropped without [`Workers::stop`], they end in the middle of what they do.
pub struct Workers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Workers {
    /// Starts them on the database that `service_url` names. `JOB_WORKERS` says how many entries are delivered at
    /// once (default 4); with 0 nothing runs, schedules neither. Workers look for entries when the bell is rung, too.
    pub fn start(env: &Env, service_url: &str, clock: Clock, bell: Bell) -> base::Result<Self> {
        let count = count(env)?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        if count > 0 {
            let app = App { clock, ..app(env, service_url, count)? }.woken_by(bell);
            for _ in 0..count {
                tasks.spawn(app.worker().run(stopped.clone()));
            }
            for job in Job::ALL {
                tasks.spawn(repeat(app.clone(), job, stopped.clone()));
            }
        }
        Ok(Self { stop, tasks })
    }

    /// Lets everybody finish what they have in hand, for a bounded time.
    pub async fn stop(mut self) {
        // Without receivers all tasks have ended.
        let _ended = self.stop.send(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIME, ended).await.is_err() {
            tracing::warn!("jobs were cut off at the stop");
        }
    }
}

/// Refuses settings with which they could not be started.
pub fn check(env: &Env, service_url: &str) -> base::Result<()> {
    app(env, service_url, count(env)?.max(1)).map(drop)
}

/// `JOB_WORKERS`.
fn count(env: &Env) -> Result<usize, ConfigError> {
    env.parse_within("JOB_WORKERS", WORKERS, 0..=WORKERS_MAX)
}

/// The jobs, with connections of their own, so that a busy outbox leaves the requests theirs.
fn app(env: &Env, service_url: &str, connections: usize) -> base::Result<App> {
    let env = env.clone().with("DATABASE_SERVICE_URL", service_url);
    App::from_env(&env.with("DATABASE_CONNECTIONS_MAX", connections.to_string()))
}

/// Runs a job again and again, until `stop` turns true.
async fn repeat(app: App, job: Job, stop: watch::Receiver<bool>) {
    let (app, told) = (&app, &stop);
    let round = || async move {
        if let Err(error) = job.run_unless_stopped(app, Instant::now() + RUN_TIME, told).await {
            tracing::error!(job = job.name(), code = error.code(), cause = error.cause(), "the job failed");
        }
    };
    rounds(FIRST_RUN, job.interval(), stop.clone(), round).await;
}

/// Begins a round after the first pause, and each other one after an interval, until `stop` turns true. A round that has
/// begun is never dropped: it may have entries in its hands.
async fn rounds<F>(first: Duration, interval: Duration, mut stop: watch::Receiver<bool>, round: impl Fn() -> F)
where
    F: Future<Output = ()>,
{
    let mut pause = first;
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            () = sleep(pause) => {}
        }
        round().await;
        pause = interval;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_round_is_finished_and_none_is_begun_after_the_stop() {
        let (stop, stopped) = watch::channel(false);
        let (begun, finished) = (Cell::new(0), Cell::new(0));
        let moment = Duration::from_millis(1);
        let round = || async {
            begun.set(begun.get() + 1);
            if begun.get() == 3 {
                stop.send(true).expect("the rounds listen");
            }
            sleep(moment).await;
            finished.set(finished.get() + 1);
        };
        rounds(moment, moment, stopped, round).await;
        assert_eq!((begun.get(), finished.get()), (3, 3));
    }

    #[tokio::test]
    async fn a_stop_ends_the_wait_for_the_next_round() {
        let (stop, stopped) = watch::channel(false);
        stop.send(true).expect("the rounds listen");
        let longest = Duration::from_hours(1);
        let ended = tokio::time::timeout(Duration::from_secs(20), rounds(longest, longest, stopped, async || ()));
        ended.await.expect("nobody waits for an hour");
    }
}
