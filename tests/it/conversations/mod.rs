//! Conversations, as far as chat needs them.

mod find_conversation;
mod list_conversations;
mod list_messages;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Actor, Answer};

/// Says something and waits for the whole reply. Returns the reply.
async fn say(actor: &Actor, content: &str) -> Value {
    let request = actor.request(Method::POST, "/api/chat").header("accept", "application/json");
    let reply = Answer::of(request.json(&json!({"content": content}))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// The address of a reply's conversation.
fn address(reply: &Value) -> String {
    format!("/api/conversations/{}", reply["conversation_id"].as_str().expect("an id"))
}
