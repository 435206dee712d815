//! One log line per request.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::fakes::model::{ModelFake, Script};
use crate::process::Process;

/// The lines of requests to a route.
fn lines_of(written: &str, route: &str) -> Vec<Value> {
    let lines = written.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == "request" && line["route"] == route).collect()
}

#[tokio::test]
async fn a_reply_of_a_model_is_one_line() {
    let fake = ModelFake::start().await;
    let app = TestApp::start().await;
    let registered = app.register("alice").await;
    let settings = [("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", &*fake.base_url())];
    let process = Process::start(&app, settings).await;
    let alice = process.seen_by(&registered);
    fake.enqueue(Script::words("Good morning."));
    let answer = alice.post("/api/chat", &json!({"content": "Hello", "model": "openai/gpt-own"})).await;
    let id = answer.header("x-request-id").to_owned();
    let line = process.line_of(&id).await;
    assert_eq!(line["level"], "INFO");
    assert_eq!((&line["method"], &line["route"]), (&json!("POST"), &json!("/api/chat")));
    assert_eq!(line["status"], 200);
    assert!(line["ms"].is_u64(), "{line}");
    assert_eq!(line["user_id"], registered.id());
    assert_eq!(line["model"], "openai/gpt-own");
    assert_eq!((&line["input_tokens"], &line["output_tokens"]), (&json!(7), &json!(5)));
    assert!(answer.header("traceparent").contains(line["trace_id"].as_str().expect("a trace")), "{line}");
    let written = process.end().await;
    assert_eq!(lines_of(&written, "/api/chat").len(), 1);
    assert!(!written.contains("Good") && !written.contains("Hello"), "no text of anybody: {written}");
}

#[tokio::test]
async fn a_route_is_its_pattern_and_a_fault_has_its_cause() {
    let app = TestApp::start().await;
    let registered = app.register("alice").await;
    let process = Process::start(&app, []).await;
    let alice = process.seen_by(&registered);
    let missing = "/api/conversations/0190a0a0-0000-7000-8000-000000000000";
    let answer = alice.get(missing).await;
    answer.assert_problem(404, "not_found");
    let line = process.line_of(answer.header("x-request-id")).await;
    assert_eq!((&line["route"], &line["status"]), (&json!("/api/conversations/{id}"), &json!(404)));
    assert_eq!(line["level"], "INFO", "a client's mistake is no fault of ours");

    let answer = alice.get("/api/nothing?token=s3cret").await;
    let line = process.line_of(answer.header("x-request-id")).await;
    assert_eq!((&line["route"], &line["status"]), (&json!("none"), &json!(404)));

    app.superuser().await.batch_execute("alter table public.conversations rename to gone").await.expect("renamed");
    let answer = alice.get(missing).await;
    let problem = answer.assert_problem(500, "internal");
    assert!(!answer.text.contains("conversations"), "the cause is for the log: {problem}");
    let line = process.line_of(answer.header("x-request-id")).await;
    assert_eq!((&line["level"], &line["status"]), (&json!("ERROR"), &json!(500)));
    assert!(line["cause"].as_str().is_some_and(|cause| cause.contains("conversations")), "{line}");
    let written = process.end().await;
    assert!(!written.contains("s3cret"), "a query string may hold anything");
    assert!(!written.contains(registered.token.as_deref().expect("a token")), "no token");
}
