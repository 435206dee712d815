//! The client, the provider and the process are cut at every boundary between chunks. Whatever happens there
//! is one question and one reply, whose text is what the provider had sent or a beginning of it, and whose
//! status is true.

use std::time::Duration;

use serde_json::{Value, json};

use super::reading::{Reading, ai_sdk_body, app_with_model, messages, parts, text};
use crate::app::{Actor, TestApp};
use crate::fakes::model::{End, ModelFake, Script};
use crate::process::Process;

const CHUNKS: [&str; 7] = ["One ", "two ", "three ", "vier ", "fünf ", "六", "."];

fn sent(count: usize) -> String {
    CHUNKS[..count].concat()
}

/// Checks the conversation's two rows and gives the reply.
async fn only_reply(actor: &Actor, conversation: &str) -> Value {
    let all = messages(actor, conversation).await;
    let roles: Vec<&Value> = all.iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["user", "assistant"], "{all:?}");
    all[1].clone()
}

#[tokio::test]
async fn the_client_is_cut_everywhere() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    for cut in 0..=CHUNKS.len() {
        let gate = fake.gated(CHUNKS);
        let chat = format!("chat-{cut}");
        let mut reading = Reading::of_send(&alice, &ai_sdk_body(&chat, "m", "Count")).await;
        let conversation = reading.conversation();
        let uncut = Reading::of_resume(&alice, &conversation).await;
        gate.release(cut);
        reading.until(if cut == 0 { "start-step" } else { CHUNKS[cut - 1] }).await;
        drop(reading);
        let resumed = Reading::of_resume(&alice, &chat).await;
        gate.finish();
        let (uncut, resumed) = (uncut.rest().await, resumed.rest().await);
        assert_eq!(resumed, uncut, "cut at {cut}");
        assert_eq!(text(&parts(&uncut)), sent(CHUNKS.len()));
        let reply = only_reply(&alice, &conversation).await;
        assert_eq!((&reply["status"], &reply["content"]), (&json!("complete"), &json!(sent(CHUNKS.len()))));
    }
}

#[tokio::test]
async fn the_provider_is_cut_everywhere() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    for cut in 1..=CHUNKS.len() {
        fake.enqueue(Script::new(CHUNKS).end(End::CutBefore(cut)));
        let reading = Reading::of_send(&alice, &ai_sdk_body(&format!("chat-{cut}"), "m", "Count")).await;
        let conversation = reading.conversation();
        let parts = parts(&reading.rest().await);
        let reply = only_reply(&alice, &conversation).await;
        assert_eq!(parts.last().map(|part| &part["type"]), Some(&json!("error")), "cut at {cut}: {parts:?}");
        assert_eq!((&reply["status"], &reply["content"]), (&json!("interrupted"), &json!(sent(cut))), "cut at {cut}");
        assert_eq!(text(&parts), sent(cut));
    }
}

#[tokio::test]
async fn the_process_is_killed_everywhere() {
    let fake = ModelFake::start().await;
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut killed = Vec::new();
    for cut in 0..=CHUNKS.len() {
        let gate = fake.gated(CHUNKS);
        let base_url = fake.base_url();
        let settings = [("OPENAI_BASE_URL", base_url.as_str()), ("CHAT_LEASE_SECONDS", "1")];
        let process = Process::start(&app, settings).await;
        let there = process.seen_by(&alice);
        let mut reading = Reading::of_send(&there, &ai_sdk_body(&format!("chat-{cut}"), "m", "Count")).await;
        let conversation = reading.conversation();
        gate.release(cut);
        reading.until(if cut == 0 { "start-step" } else { CHUNKS[cut - 1] }).await;
        if cut.is_multiple_of(2) {
            // Every other process lives long enough to have saved what it has.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        process.end().await;
        killed.push((cut, conversation, gate));
    }
    // Longer than the lease, in the database's time.
    tokio::time::sleep(Duration::from_millis(1300)).await;
    for (cut, conversation, _gate) in &killed {
        check_after_kill(&alice, *cut, conversation).await;
    }
}

async fn check_after_kill(alice: &Actor, cut: usize, conversation: &str) {
    let reply = only_reply(alice, conversation).await;
    assert_eq!(reply["status"], "interrupted", "killed at {cut}");
    let content = reply["content"].as_str().expect("text");
    assert!(sent(cut).starts_with(content), "killed at {cut}: {content:?}");
    if cut.is_multiple_of(2) {
        assert_eq!(content, sent(cut), "what was saved before the kill is kept");
    }
    let again = Reading::of_send(alice, &ai_sdk_body(&format!("chat-{cut}"), "m", "Count")).await;
    let again = parts(&again.rest().await);
    assert_eq!(again.last().map(|part| &part["type"]), Some(&json!("error")), "it is never shown as whole");
    assert_eq!(text(&again), content);
    assert_eq!(alice.get(&format!("/api/chat/{conversation}/stream")).await.status, 204);
    // The conversation goes on: a new reply takes the place of the broken one.
    let body = json!({"conversation_id": conversation, "regenerate": reply["id"]});
    assert_eq!(alice.post("/api/chat", &body).await.status, 200);
    assert_eq!(messages(alice, conversation).await.len(), 3);
}
