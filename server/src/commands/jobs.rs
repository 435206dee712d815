//! `almanac jobs`: what was given up and what to do about it, and jobs by hand.

use std::time::{Duration, Instant};

use base::Error;
use base::config::Env;
use clap::Subcommand;
use jobs::{App, DeadEntry, Job, Repeat};
use uuid::Uuid;

use super::{service_env, told};
use crate::failure::Result;
use crate::terminal;

/// The most entries that are told at once.
const LISTED_MAX: i64 = 1_000;
/// How long a job that was started by hand may take.
const RUN_TIME: Duration = Duration::from_mins(10);

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the entries of the outbox that were given up, newest first.
    List,
    /// Give entries that were given up all their attempts again.
    Retry {
        /// The entries, as `list` names them.
        ids: Vec<i64>,
        /// All that `list` shows.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
    /// Erase users again who are back from a backup that is older than their erasure.
    Erase {
        /// Their ids, as the log has them in the lines with `erasure`.
        #[arg(required = true)]
        users: Vec<Uuid>,
    },
    /// Run a job now, to its end: drain, prune, tend-recurrences.
    Run {
        /// The job.
        #[arg(value_parser = job_of)]
        job: Job,
    },
}

fn job_of(name: &str) -> std::result::Result<Job, String> {
    let names = Job::ALL.map(|job| job.name().replace('_', "-"));
    let found = Job::ALL.into_iter().zip(&names).find(|(_, known)| *known == name);
    found.map(|(job, _)| job).ok_or_else(|| format!("the jobs are {}", names.join(", ")))
}

pub(super) async fn run(env: Env, command: Command) -> Result<()> {
    // Standard output is what was asked for.
    base::log::start_on_stderr(&env);
    let app = app(env)?;
    let done = match command {
        Command::List => list(&app).await,
        Command::Retry { all: true, .. } => retry_all(&app).await,
        Command::Retry { ids, .. } => retry(&app, ids).await,
        Command::Erase { users } => erase(&app, users).await,
        Command::Run { job } => start(&app, job).await,
    };
    done.map_err(|error| told(&error))
}

fn app(env: Env) -> Result<App> {
    App::from_env(&service_env(env)?).map_err(|error| told(&error))
}

async fn list(app: &App) -> base::Result<()> {
    let entries = app.list_dead(LISTED_MAX).await?;
    for DeadEntry { id, user_id, kind, attempts, dead_at, last_error } in &entries {
        terminal::say(&format!("{id}\t{dead_at:.0}\t{kind}\t{user_id}\t{attempts} attempts\t{last_error}"));
    }
    terminal::progress(&match entries.len() {
        0 => "Nothing was given up.".to_owned(),
        count => format!("{count} entries were given up. `almanac jobs retry <ID>…` tries them again."),
    });
    Ok(())
}

async fn retry_all(app: &App) -> base::Result<()> {
    let ids = app.list_dead(LISTED_MAX).await?.into_iter().map(|entry| entry.id).collect();
    retry(app, ids).await
}

async fn retry(app: &App, ids: Vec<i64>) -> base::Result<()> {
    let mut missing = Vec::new();
    for id in ids {
        if app.retry_dead(id).await? {
            terminal::say(&format!("{id} is tried again"));
        } else {
            missing.push(id.to_string());
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::internal(format!("No such entries were given up, or newer ones do their work: {}.", missing.join(", "))))
}

async fn erase(app: &App, users: Vec<Uuid>) -> base::Result<()> {
    for user in users {
        let what = match app.erase(user).await? {
            Repeat::Begun => "is shut out and about to be erased",
            Repeat::Waiting => "waits to be erased already",
            Repeat::Gone => "is not there",
        };
        terminal::say(&format!("{user} {what}"));
    }
    Ok(())
}

async fn start(app: &App, job: Job) -> base::Result<()> {
    let count = job.run(app, Instant::now() + RUN_TIME).await?;
    terminal::say(&format!("{}: {count}", job.name()));
    Ok(())
}
