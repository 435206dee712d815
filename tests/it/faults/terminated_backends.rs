//! PostgreSQL ends connections under load, as at a failover or a restart of a pooler. Clients that send again what was
//! answered 503 under its `Idempotency-Key` end with everything written once.

use serde_json::json;

use super::load::{Load, Writer, check_stored, settle};
use crate::app::TestApp;
use crate::process::Process;

const USERS: usize = 4;
/// After so many ended connections it is enough.
const ENDED_ENOUGH: usize = 60;
/// How many writes are acknowledged between two blows, so that it goes on however slow the machine is.
const WRITES_BETWEEN: usize = 4;

/// One for each user.
async fn writers(app: &TestApp, process: &Process) -> Vec<Writer> {
    let mut writers = Vec::new();
    for user in 0..USERS {
        let name = format!("user{user}");
        let actor = process.seen_by(&app.register(&name).await);
        writers.push(Writer::new(actor, name));
    }
    writers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nothing_is_lost_or_doubled() {
    let app = TestApp::start().await;
    let superuser = app.superuser().await;
    let process = Process::start(&app, [("RATE_LIMIT_SCALE", "1000")]).await;
    let load = Load::start(writers(&app, &process).await);
    let blow = "select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and usename = 'almanac_app' and random() < 0.3";
    let mut ended = 0;
    while ended < ENDED_ENOUGH {
        ended += superuser.query(blow, &[]).await.expect("connections end").len();
        load.until_more(WRITES_BETWEEN).await;
    }
    let mut writers = load.stop().await;
    let refused = settle(&mut writers).await;
    assert!(refused <= ended, "{ended} connections ended, and {refused} writes were refused");
    for writer in &writers {
        check_stored(&writer.actor, [&writer.written].into_iter()).await;
    }
    let written = process.end().await;
    assert!(!written.contains("panicked"), "{written}");
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
