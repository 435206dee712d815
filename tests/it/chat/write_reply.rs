//! Every way in which a reply can end.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::reading::{Reading, app_with_model, messages, parts, text, types};
use crate::app::{Answer, TestApp};
use crate::fakes::model::{End, ModelFake, Script};

/// Sends with this script and gives the parts and the stored reply.
async fn ending(app: &TestApp, fake: &ModelFake, script: Script) -> (Vec<Value>, Value) {
    let alice = app.register(&format!("alice{}", fake.requests().len())).await;
    fake.enqueue(script);
    let reading = Reading::of_send(&alice, &json!({"content": "Count"})).await;
    let conversation = reading.conversation();
    let parts = parts(&reading.rest().await);
    let all = messages(&alice, &conversation).await;
    assert_eq!(all.len(), 2, "one question and one reply: {all:?}");
    (parts, all[1].clone())
}

/// The reply broke off with this text kept, and nobody can take it for whole.
#[track_caller]
fn assert_broken((parts, reply): &(Vec<Value>, Value), status: &str, code: &str, content: &str) {
    assert_eq!(types(parts).last(), Some(&"error"), "{parts:?}");
    assert!(!types(parts).contains(&"finish"), "{parts:?}");
    assert_eq!(text(parts), content);
    assert_eq!((&reply["status"], &reply["error_code"]), (&json!(status), &json!(code)), "{reply}");
    assert_eq!(reply["content"], content);
}

#[tokio::test]
async fn a_cut_connection_interrupts() {
    let (app, fake) = app_with_model().await;
    let broken = ending(&app, &fake, Script::new(["One ", "two ", "three."]).end(End::CutBefore(2))).await;
    assert_broken(&broken, "interrupted", "provider_interrupted", "One two ");
    assert_eq!(broken.1["usage"]["estimated"], true);
}

#[tokio::test]
async fn a_missing_terminator_interrupts() {
    let (app, fake) = app_with_model().await;
    let broken = ending(&app, &fake, Script::new(["One ", "two."]).end(End::NoTerminator)).await;
    assert_broken(&broken, "interrupted", "provider_interrupted", "One two.");
}

#[tokio::test]
async fn a_stall_interrupts() {
    let fake = ModelFake::start().await;
    let settings = [("OPENAI_BASE_URL", fake.base_url()), ("PROVIDER_IDLE_TIMEOUT_MS", "300".to_owned())];
    let app = TestApp::start_with(settings.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    let broken = ending(&app, &fake, Script::new(["One "]).end(End::Stall)).await;
    assert_eq!(broken.1["status"], "interrupted");
    assert_broken(&broken, "interrupted", broken.1["error_code"].as_str().unwrap_or_default(), "One ");
}

#[tokio::test]
async fn an_error_in_the_stream_is_told() {
    let (app, fake) = app_with_model().await;
    let broken = ending(&app, &fake, Script::new(["One "]).end(End::InStreamError)).await;
    assert_eq!(types(&broken.0).last(), Some(&"error"));
    assert_eq!(broken.1["content"], "One ");
    assert!(matches!(broken.1["status"].as_str(), Some("failed" | "interrupted")), "{}", broken.1);
}

#[tokio::test]
async fn refusals_are_told_and_a_passing_failure_is_retried() {
    let (app, fake) = app_with_model().await;
    let broken = ending(&app, &fake, Script::status(401, &[], "{}")).await;
    assert_broken(&broken, "failed", "provider_unauthorized", "");
    assert_eq!(fake.requests().len(), 1, "a refused key is not tried again");

    fake.enqueue(Script::status(500, &[], ""));
    fake.enqueue(Script::status(529, &[("retry-after-ms", "1")], ""));
    let (parts, reply) = ending(&app, &fake, Script::new(["Here."])).await;
    // The first two scripts answered the first two tries.
    assert_eq!((text(&parts).as_str(), &reply["status"]), ("Here.", &json!("complete")));
    assert_eq!(fake.requests().len(), 4);
}

#[tokio::test]
async fn a_json_client_gets_the_providers_failure_as_a_status() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    fake.enqueue(Script::status(401, &[], "{}"));
    let request = alice.request(Method::POST, "/api/chat").header("accept", "application/json");
    let answer = Answer::of(request.json(&json!({"content": "Hello"}))).await;
    answer.assert_problem(502, "provider_unauthorized");
}

#[tokio::test]
async fn a_length_limit_is_no_error() {
    let (app, fake) = app_with_model().await;
    let mut script = Script::new(["One "]);
    script.finish_reason = "length".to_owned();
    let (parts, reply) = ending(&app, &fake, script).await;
    assert_eq!(parts.last().map(|part| &part["finishReason"]), Some(&json!("length")));
    assert_eq!((&reply["status"], &reply["finish_reason"]), (&json!("complete"), &json!("length")));
}

#[tokio::test]
async fn the_client_leaving_does_not_lose_the_reply() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    let gate = fake.gated(["One ", "two."]);
    let mut reading = Reading::of_send(&alice, &json!({"content": "Count"})).await;
    let conversation = reading.conversation();
    gate.release(1);
    reading.until("One ").await;
    drop(reading);
    gate.finish();
    fake.wait_for_closed(1).await;
    let reply = loop {
        let reply = messages(&alice, &conversation).await[1].clone();
        if reply["status"] != "streaming" {
            break reply;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((&reply["status"], &reply["content"]), (&json!("complete"), &json!("One two.")));
}

#[tokio::test]
async fn a_deleted_conversation_ends_its_reply() {
    let fake = ModelFake::start().await;
    let settings = [("OPENAI_BASE_URL", fake.base_url()), ("CHAT_LEASE_SECONDS", "1".to_owned())];
    let app = TestApp::start_with(settings.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    let alice = app.register("alice").await;
    let gate = fake.gated(["One ", "two."]);
    let mut reading = Reading::of_send(&alice, &json!({"content": "Count"})).await;
    gate.release(1);
    reading.until("One ").await;
    app.superuser().await.batch_execute("delete from conversations").await.expect("arranged");
    let parts = parts(&reading.rest().await);
    assert_eq!(parts.last().map(|part| &part["code"]), Some(&json!("reply_lost")));
    drop(gate);
}

#[tokio::test]
async fn anthropic_and_openrouter_answer_too() {
    let fake = ModelFake::start().await;
    let url = fake.base_url();
    let settings = [
        ("ANTHROPIC_API_KEY", "sk-ant"),
        ("ANTHROPIC_BASE_URL", url.as_str()),
        ("OPENROUTER_API_KEY", "sk-or"),
        ("OPENROUTER_BASE_URL", url.as_str()),
        ("XAI_API_KEY", "xai"),
        ("XAI_BASE_URL", url.as_str()),
    ];
    let app = TestApp::start_with(settings).await;
    let alice = app.register("alice").await;
    for (asked, answered) in [
        ("anthropic-claude", "anthropic/claude-haiku-5-5"),
        ("anthropic/claude-next", "anthropic/claude-next"),
        ("openrouter/openai/gpt-6-luna", "openrouter/openai/gpt-6-luna"),
        ("xai", "xai/grok-4.3"),
    ] {
        fake.enqueue(Script::new(["Good ", "morning."]));
        let request = alice.request(Method::POST, "/api/chat").header("accept", "application/json");
        let reply = Answer::of(request.json(&json!({"content": "Hello", "model": asked}))).await.json();
        assert_eq!((&reply["model"], &reply["content"]), (&json!(answered), &json!("Good morning.")), "{asked}");
    }
}
