//! A model that goes on and on, or never begins: the reply ends, with what there is of it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::alone::Alone;
use super::reading::{Reading, ai_sdk_body, app_with_model, messages, parts, text, types};
use crate::app::{Actor, Answer, TestApp};
use crate::fakes::model::{ModelFake, Script};

/// A piece of a reply, an eighth of what a reply may have.
const PIECE_BYTES: usize = 128 * 1024;

/// The product, somebody who uses it, and chat with little time for a reply.
async fn hurried(fake: &ModelFake) -> (TestApp, Alone, Actor) {
    let app = TestApp::start().await;
    let settings = [("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", &fake.base_url())];
    let alone = Alone::serve(&app, settings, |app| app.reply_time_max = Duration::from_secs(3)).await;
    let alice = app.register("alice").await;
    (app, alone, alice)
}

/// What the deltas of thinking make.
fn thinking(parts: &[Value]) -> String {
    parts.iter().filter(|part| part["type"] == "reasoning-delta").filter_map(|part| part["delta"].as_str()).collect()
}

#[tokio::test]
async fn a_reply_that_takes_too_long_is_ended() {
    let fake = ModelFake::start().await;
    let (_app, alone, alice) = hurried(&fake).await;
    let there = alone.seen_by(&alice);
    let words = (0..10_000).map(|word| format!("{word} "));
    fake.enqueue(Script::new(words).thoughts(2).pause(Duration::from_millis(20)));
    let reading = Reading::of_send(&there, &ai_sdk_body("c", "m", "Count")).await;
    let conversation = reading.conversation();
    let told = parts(&reading.rest_in_time().await);
    assert_eq!((types(&told).last(), &told[told.len() - 1]["code"]), (Some(&"error"), &json!("provider_timeout")));
    let reply = messages(&alice, &conversation).await[1].clone();
    assert_eq!((&reply["status"], &reply["error_code"]), (&json!("interrupted"), &json!("provider_timeout")));
    assert_eq!((&reply["usage"]["estimated"], &reply["content"]), (&json!(true), &json!(text(&told))));
    assert!(text(&told).starts_with("2 3 4 "), "what had come is kept: {told:?}");
    let said_bytes = thinking(&told).len() + text(&told).len();
    assert_eq!(reply["usage"]["output_tokens"], said_bytes.div_ceil(4), "thinking is charged, too");
    fake.wait_for_closed(1).await;

    let mut again = ai_sdk_body("c", "m", "Count");
    again["trigger"] = json!("regenerate-message");
    let told = parts(&Reading::of_send(&there, &again).await.rest_in_time().await);
    assert_eq!((text(&told).as_str(), types(&told).last()), ("You said: Count", Some(&"finish")));
}

#[tokio::test]
async fn a_reply_that_never_begins_is_ended() {
    let fake = ModelFake::start().await;
    let (_app, alone, alice) = hurried(&fake).await;
    let _gate = fake.gated(["One."]);
    let request = alone.seen_by(&alice).request(Method::POST, "/api/chat").header("accept", "application/json");
    let request = request.timeout(Duration::from_secs(20)).json(&json!({"content": "Count"}));
    Answer::of(request).await.assert_problem(504, "provider_timeout");
}

#[tokio::test]
async fn text_and_thinking_together_have_a_bound() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    let piece = "x".repeat(PIECE_BYTES);
    for (thoughts, kept) in [(0, 8), (5, 3), (10, 0)] {
        fake.enqueue(Script::new(vec![piece.clone(); 10]).thoughts(thoughts));
        let reading = Reading::of_send(&alice, &json!({"content": "Think"})).await;
        let conversation = reading.conversation();
        let told = parts(&reading.rest().await);
        let last = &told[told.len() - 1];
        assert_eq!((&last["type"], &last["finishReason"]), (&json!("finish"), &json!("length")), "{thoughts}");
        let came = (text(&told).len(), thinking(&told).len());
        assert_eq!(came, (kept * PIECE_BYTES, (8 - kept) * PIECE_BYTES), "{thoughts}");
        let reply = messages(&alice, &conversation).await[1].clone();
        assert_eq!((&reply["status"], &reply["finish_reason"]), (&json!("complete"), &json!("length")));
        assert_eq!(reply["content"].as_str().map(str::len), Some(kept * PIECE_BYTES));
    }
}
