use reqwest::Method;
use serde_json::{Value, json};

use super::reading::{app_with_model, messages, parts, text, types};
use crate::app::{Actor, Answer};
use crate::fakes::model::Script;

/// Begins an empty conversation and returns the address of its messages.
async fn begin(actor: &Actor, name: &str) -> String {
    let created = actor.post("/api/conversations", &json!({"id": name})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    format!("/api/conversations/{}/messages", created.json()["id"].as_str().expect("an id"))
}

async fn say(actor: &Actor, path: &str, accept: &str, body: &Value) -> Answer {
    Answer::of(actor.request(Method::POST, path).header("accept", accept).json(body)).await
}

#[tokio::test]
async fn is_answered_like_a_chat() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    let path = begin(&alice, "c").await;
    fake.enqueue(Script::new(["Good ", "morning."]));
    let stream = say(&alice, &path, "text/event-stream", &json!({"content": "Hello"})).await;
    let all = parts(&stream.text);
    assert_eq!(text(&all), "Good morning.");
    assert_eq!((types(&all)[0], types(&all).last()), ("start", Some(&"finish")));
    assert_eq!(stream.header("x-vercel-ai-ui-message-stream"), "v1");
    let plain = say(&alice, &path, "text/plain", &json!({"content": "Again"})).await;
    assert_eq!(plain.text, "You said: Again");
    let body = json!({"content": "Once more", "model": "openai/other"});
    let json = say(&alice, &path, "application/json", &body).await.json();
    assert_eq!((&json["model"], &json["status"]), (&json!("openai/other"), &json!("complete")));
    let shown = fake.requests()[2].body["messages"].clone();
    assert_eq!(shown.as_array().map(Vec::len), Some(5), "the model is shown what was said before");
    assert_eq!(messages(&alice, "c").await.len(), 6);
}

#[tokio::test]
async fn a_key_says_it_once() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    let path = begin(&alice, "c").await;
    let send = |content: &str| {
        let request = alice.request(Method::POST, &path).header("idempotency-key", "key-1");
        Answer::of(request.header("accept", "application/json").json(&json!({"content": content})))
    };
    let first = send("Hello").await.json();
    assert_eq!(send("Hello").await.json(), first);
    assert_eq!(fake.requests().len(), 1);
    send("Something else").await.assert_problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn one_reply_at_a_time() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    let path = begin(&alice, "c").await;
    let gate = fake.gated(["One."]);
    let first = alice.request(Method::POST, &path).json(&json!({"content": "One"})).send().await.expect("it begins");
    alice.post(&path, &json!({"content": "Two"})).await.assert_problem(409, "reply_in_progress");
    gate.finish();
    assert!(first.text().await.expect("the whole reply").contains("One."));
    assert_eq!(alice.post(&path, &json!({"content": "Two"})).await.status, 200);
}

#[tokio::test]
async fn bad_input_and_strangers_are_refused() {
    let (app, fake) = app_with_model().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let path = begin(&alice, "c").await;
    for (body, pointer) in [
        (json!({}), "/content"),
        (json!({"content": " "}), "/content"),
        (json!({"content": "a", "model": "acme/x"}), "/model"),
        (json!({"content": "a", "conversation_id": "c"}), "/conversation_id"),
    ] {
        alice.post(&path, &body).await.assert_invalid(pointer);
    }
    let body = json!({"content": "Hello"});
    bob.post(&path, &body).await.assert_problem(404, "not_found");
    alice.post("/api/conversations/nowhere/messages", &body).await.assert_problem(404, "not_found");
    app.anon().post(&path, &body).await.assert_problem(401, "token_missing");
    assert_eq!(fake.requests().len(), 0);
}
