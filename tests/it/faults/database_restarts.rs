//! PostgreSQL goes away and comes back, in every way that it can, while people write.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::load::{Load, Writer, check_stored, register, settle};
use super::own_postgres::OwnPostgres;
use crate::app::Actor;

const USERS: usize = 2;
const WRITERS_PER_USER: usize = 2;
/// How many tasks are acknowledged between two faults.
const TASKS_BETWEEN: usize = 40;
/// How long PostgreSQL stays away, so that everybody meets its absence.
const ABSENCE: Duration = Duration::from_millis(200);
/// How long after its return everybody is served again.
const RECOVERY_MAX: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_postgres_restarts() {
    let mut postgres = OwnPostgres::start().await;
    let process = postgres.serve().await;
    let visitor = process.visitor();
    let mut writers = Vec::new();
    let mut users = Vec::new();
    for user in 0..USERS {
        let actor = register(&visitor, &format!("user{user}")).await;
        writers.extend((0..WRITERS_PER_USER).map(|number| Writer::new(actor.clone(), format!("u{user}w{number}"))));
        users.push(actor);
    }
    let load = Load::start(writers);
    load.until_more(TASKS_BETWEEN).await;

    postgres.stop().await;
    come_back(&mut postgres, &load, &visitor).await;
    postgres.end_by(Signal::QUIT).await;
    come_back(&mut postgres, &load, &visitor).await;
    postgres.end_by(Signal::KILL).await;
    come_back(&mut postgres, &load, &visitor).await;
    postgres.end_sessions().await;
    load.until_more(TASKS_BETWEEN).await;

    let mut writers = load.stop().await;
    let refused = settle(&mut writers).await;
    assert!(refused >= 3, "the faults hit hardly anybody: {refused}");
    for user in &users {
        let of_user = writers.iter().filter(|writer| writer.actor.id() == user.id());
        check_stored(user, of_user.map(|writer| &writer.written)).await;
    }
    let written = process.end().await;
    assert!(!written.contains("panicked"), "{written}");
}

/// While PostgreSQL is away the program says so, and when it is back everybody is served soon.
async fn come_back(postgres: &mut OwnPostgres, load: &Load, visitor: &Actor) {
    let away = Instant::now();
    assert_eq!(visitor.get("/api/health").await.status, 200, "the program itself is well");
    assert_eq!(visitor.get("/api/health?deep=1").await.status, 503);
    tokio::time::sleep(ABSENCE.saturating_sub(away.elapsed())).await;
    postgres.start_again().await;
    let recovery = load.until_more(TASKS_BETWEEN).await;
    assert!(recovery < RECOVERY_MAX, "it took {recovery:?}");
    assert_eq!(visitor.get("/api/health?deep=1").await.status, 200);
}
