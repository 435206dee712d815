//! Who was erased can be told from the log, whatever it leaves out: after a restore nothing else knows.

use serde_json::Value;
use tokio::process::Command;

use super::delete_me::leave;
use crate::app::TestApp;
use crate::process::Process;

/// How far the log says that erasures are.
fn records(log: &str) -> Vec<(String, String)> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    lines
        .filter(|line| line["message"] == "erasure")
        .map(|line| (text(&line["user_id"]), text(&line["erasure"])))
        .collect()
}

/// The command `almanac jobs …`, with what it answers and what it logs.
async fn jobs(app: &TestApp, arguments: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_almanac"));
    command.arg("jobs").args(arguments);
    let output = Process::on(app, command).env("RUST_LOG", "off").output().await.expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    let [answer, log] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("plain text"));
    (answer, log)
}

fn record(id: &str, stage: &str) -> (String, String) {
    (id.to_owned(), stage.to_owned())
}

#[tokio::test]
async fn the_program_logs_it_when_it_logs_errors_only() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let program = Process::start(&app, [("RUST_LOG", "error")]).await;
    assert_eq!(leave(&program.seen_by(&alice)).await.status, 202);
    program.until_written("\"erasure\":\"done\"").await;
    let log = program.end().await;
    assert_eq!(records(&log), [record(&alice.id(), "requested"), record(&alice.id(), "done")]);
    assert!(!log.contains("\"message\":\"request\"") && !log.contains("\"message\":\"entry\""), "{log}");
}

#[tokio::test]
async fn commands_log_it_beside_their_answers() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let id = alice.id();
    let (answer, log) = jobs(&app, &["erase", &id]).await;
    assert_eq!(answer, format!("{id} is shut out and about to be erased\n"));
    assert_eq!(records(&log), [record(&id, "requested")]);
    assert_eq!(jobs(&app, &["erase", &id]).await.0, format!("{id} waits to be erased already\n"));
    // As in a backup that was made when it had been given up.
    let give_up = "update outbox set dead_at = now() where kind = 'erase_user'";
    app.superuser().await.batch_execute(give_up).await.expect("arranged");
    assert_eq!(jobs(&app, &["erase", &id]).await.0, format!("{id} is shut out and about to be erased\n"));
    let (answer, log) = jobs(&app, &["run", "drain"]).await;
    assert_eq!(answer, "drain: 1\n");
    assert_eq!(records(&log), [record(&id, "done")]);
    assert_eq!(jobs(&app, &["erase", &id]).await.0, format!("{id} is not there\n"));
}

#[tokio::test]
async fn a_wish_that_is_refused_is_none() {
    let app = TestApp::start().await;
    let admin = super::register_admin(&app, "admin").await;
    let program = Process::start(&app, [("RUST_LOG", "error"), ("JOB_WORKERS", "0")]).await;
    assert_eq!(leave(&program.seen_by(&admin)).await.status, 409);
    assert_eq!(records(&program.end().await), []);
}
