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
        let count = env.parse_or("JOB_WORKERS", WORKERS)?;
        if count > WORKERS_MAX {
            let detail = format!("is at most {WORKERS_MAX}");
            return Err(ConfigError { name: "JOB_WORKERS".to_owned(), detail }.into());
        }
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        if count > 0 {
            // Connections of their own, so that a busy outbox leaves the requests theirs.
            let env = env.clone().with("DATABASE_SERVICE_URL", service_url);
            let env = env.with("DATABASE_CONNECTIONS_MAX", count.to_string());
            let app = App { clock, ..App::from_env(&env)? }.woken_by(bell);
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

/// Runs a job again and again, until `stop` turns true.
async fn repeat(app: App, job: Job, mut stop: watch::Receiver<bool>) {
    let rounds = async {
        sleep(FIRST_RUN).await;
        loop {
            if let Err(error) = job.run(&app, Instant::now() + RUN_TIME).await {
                tracing::error!(job = job.name(), code = error.code(), cause = error.cause(), "the job failed");
            }
            sleep(job.interval()).await;
        }
    };
    tokio::select! {
        () = stopped(&mut stop) => {}
        () = rounds => {}
    }
}
