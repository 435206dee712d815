//! PostgreSQL ends connections under load, as at a failover or a restart of a pooler. Clients that send again what was
//! answered 503 under its `Idempotency-Key` end with everything written once.

#![expect(clippy::print_stderr, reason = "a failure is looked into with its figures")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::app::{Actor, Answer, TestApp};

const USERS: usize = 4;
/// How often each user writes at least.
const WRITES_MIN: usize = 30;
/// After so many ended connections it is enough.
const ENDED_ENOUGH: i64 = 60;
const PAUSE: Duration = Duration::from_millis(15);
/// How often one write may be answered 503 in a row.
const TRIES_MAX: usize = 20;

/// What one client met.
#[derive(Default)]
struct Met {
    acknowledged: Vec<String>,
    answered_503: usize,
    reads_answered_503: usize,
}

/// Writes tasks one after another, each until it is acknowledged, and reads in between.
async fn use_it(actor: Actor, name: String, is_enough: Arc<AtomicBool>) -> Met {
    let mut met = Met::default();
    while met.acknowledged.len() < WRITES_MIN || !is_enough.load(Ordering::Relaxed) {
        let number = met.acknowledged.len();
        let title = format!("{name}-{number}");
        for attempt in 0.. {
            assert!(attempt < TRIES_MAX, "{title} is never written");
            let request = actor.request(Method::POST, "/api/tasks").header("idempotency-key", &title);
            let answer = Answer::of(request.json(&json!({"title": title}))).await;
            if answer.status == 201 {
                break;
            }
            unavailable(&answer);
            met.answered_503 += 1;
        }
        met.acknowledged.push(title);
        let read = actor.get("/api/tasks?limit=1").await;
        if read.status != 200 {
            unavailable(&read);
            met.reads_answered_503 += 1;
        }
    }
    met
}

#[track_caller]
fn unavailable(answer: &Answer) {
    answer.assert_problem(503, "database_unavailable");
    assert_eq!(answer.header("retry-after"), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nothing_is_lost_or_doubled() {
    let app = TestApp::start().await;
    let superuser = app.superuser().await;
    let is_enough = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for user in 0..USERS {
        let name = format!("user{user}");
        let actor = app.register(&name).await;
        clients.spawn(use_it(actor, name, Arc::clone(&is_enough)));
    }
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity
               where datname = current_database() and usename = 'almanac_app' and random() < 0.3";
    let mut ended = 0;
    let mut met = Vec::new();
    while !clients.is_empty() {
        ended += superuser.query_one(end, &[]).await.expect("the connections end").get::<_, i64>(0);
        is_enough.store(ended >= ENDED_ENOUGH, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
        while let Some(client) = clients.try_join_next() {
            met.push(client.expect("no client panics"));
        }
    }
    let retried: usize = met.iter().map(|met| met.answered_503).sum();
    let unread: usize = met.iter().map(|met| met.reads_answered_503).sum();
    let written: usize = met.iter().map(|met| met.acknowledged.len()).sum();
    eprintln!("{ended} connections ended; {retried} of {written} writes and {unread} reads answered 503");
    // A transaction of several statements that is under way cannot be saved; those are few.
    assert!(retried < written / 2, "most first statements are done again");
    let rows = superuser.query("select title from tasks", &[]).await.expect("the tasks");
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        *found.entry(row.get(0)).or_default() += 1;
    }
    for title in met.iter().flat_map(|met| &met.acknowledged) {
        assert_eq!(found.get(title), Some(&1), "{title}");
    }
    assert_eq!(found.len(), written, "nothing was written that nobody knows of");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rested_program_notices_nothing() {
    let app = TestApp::start().await;
    let superuser = app.superuser().await;
    let alice = app.register("alice").await;
    for round in 0..20 {
        // Nothing is under way, so nothing needs to be sent again.
        let ended = superuser.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity
             where datname = current_database() and usename = 'almanac_app'",
            &[],
        );
        ended.await.expect("the connections end");
        let body = json!({"title": format!("task {round}")});
        let (written, read) = tokio::join!(alice.post("/api/tasks", &body), alice.get("/api/tasks?limit=1"));
        assert_eq!((written.status.as_u16(), read.status.as_u16()), (201, 200), "{} {}", written.text, read.text);
    }
    let count = superuser.query_one("select count(*) from tasks", &[]).await.expect("counts");
    assert_eq!(count.get::<_, i64>(0), 20);
}
