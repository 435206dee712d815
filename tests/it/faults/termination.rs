//! The program is asked to end while people write: what it acknowledged is there, what it did not may be sent again.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::load::{Load, Writer, check_stored};
use crate::app::TestApp;
use crate::process::Process;

const WRITERS: usize = 4;
const TASKS_BEFORE: usize = 60;
const ENDS: usize = 3;
/// No request takes long here, so the end does not either.
const END_MAX: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_sigterm_under_load() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut writers: Vec<Writer> =
        (0..WRITERS).map(|number| Writer::new(alice.clone(), format!("w{number}"))).collect();
    for _ in 0..ENDS {
        let mut process = Process::start(&app, [("RATE_LIMIT_SCALE", "1000")]).await;
        for writer in &mut writers {
            writer.actor = process.seen_by(&alice);
        }
        let load = Load::writing_only(writers);
        load.until_more(TASKS_BEFORE).await;
        let asked = Instant::now();
        process.terminate();
        assert_eq!(process.exited().await, Some(0), "{}", process.written());
        assert!(asked.elapsed() < END_MAX, "it took {:?}", asked.elapsed());
        writers = load.stop().await;
    }
    let process = Process::start(&app, []).await;
    for writer in &mut writers {
        assert_eq!(writer.written.refused, 0, "nobody is refused because the program ends");
        writer.actor = process.seen_by(&alice);
        assert!(writer.write_one().await);
    }
    let alice = process.seen_by(&alice);
    assert_eq!(alice.get("/api/health").await.status, StatusCode::OK);
    check_stored(&alice, writers.iter().map(|writer| &writer.written)).await;
}
