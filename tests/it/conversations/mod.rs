//! Conversations: beginning, changing, forking, sharing, exporting and importing them.

mod create_conversation;
mod create_share;
mod delete_conversation;
mod delete_share;
mod export_conversation;
mod find_conversation;
mod find_shared_conversation;
mod fork_conversation;
mod import_conversations;
mod list_conversations;
mod list_messages;
mod list_shares;
mod undo;
mod update_conversation;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Actor, Answer};

/// Says something and waits for the whole reply. Returns the reply.
async fn say(actor: &Actor, content: &str) -> Value {
    send(actor, &json!({"content": content})).await
}

/// Sends what `POST /api/chat` takes and waits for the whole reply. Returns the reply.
async fn send(actor: &Actor, body: &Value) -> Value {
    let request = actor.request(Method::POST, "/api/chat").header("accept", "application/json");
    let reply = Answer::of(request.json(body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// Goes on after a reply.
async fn say_after(actor: &Actor, reply: &Value, content: &str) -> Value {
    send(actor, &json!({"content": content, "conversation_id": reply["conversation_id"]})).await
}

/// The address of a reply's conversation.
fn address(reply: &Value) -> String {
    format!("/api/conversations/{}", reply["conversation_id"].as_str().expect("an id"))
}

/// The messages of a conversation, oldest first.
async fn messages(actor: &Actor, address: &str) -> Vec<Value> {
    let mut messages = actor.get(&format!("{address}/messages?limit=100")).await.json();
    messages.as_array_mut().expect("a list").reverse();
    messages.as_array().expect("a list").clone()
}

/// The texts of messages.
fn contents(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["content"].as_str().expect("a text")).collect()
}

async fn delete(actor: &Actor, path: &str) -> Answer {
    Answer::of(actor.request(Method::DELETE, path)).await
}

/// The same request twice with one key: the second answers the first's and does nothing.
async fn twice(actor: &Actor, method: Method, path: &str, body: &Value) -> [Answer; 2] {
    let once = || Answer::of(actor.request(method.clone(), path).header("idempotency-key", "once").json(body));
    let answers = [once().await, once().await];
    assert_eq!(answers[0].status, answers[1].status, "{} {}", answers[0].text, answers[1].text);
    assert_eq!(answers[1].header("idempotency-replayed"), "true");
    answers
}

/// Makes a link to a conversation and returns what was answered.
async fn share(actor: &Actor, address: &str, body: &Value) -> Value {
    let shared = actor.post(&format!("{address}/shares"), body).await;
    assert_eq!(shared.status, 201, "{}", shared.text);
    shared.json()
}

/// Where a link is read, without the server's address.
fn link_of(share: &Value) -> String {
    format!("/api/shared/{}", share["token"].as_str().expect("a token"))
}
