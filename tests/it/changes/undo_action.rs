use serde_json::{Value, json};

use super::{action_of, changes_after};
use crate::app::{Actor, Answer, TestApp};

async fn undo(actor: &Actor, group: &str) -> Answer {
    actor.post(&format!("/api/undo/{group}"), &Value::Null).await
}

async fn rename(actor: &Actor, name: &str) -> String {
    action_of(&actor.put("/api/users/me", &json!({"full_name": name})).await)
}

#[tokio::test]
async fn restores_what_was_and_can_be_undone_itself() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let before = alice.get("/api/users/me").await;
    let renamed = rename(&alice, "B").await;
    let after = alice.get("/api/users/me").await;
    let undone = undo(&alice, &renamed).await;
    assert_eq!(
        undone.json(),
        json!({"restored": [{"entity": "user", "entity_id": alice.id(), "exists": true}]}),
        "{}",
        undone.text
    );
    assert_eq!(alice.get("/api/users/me").await.text, before.text);
    let redone = undo(&alice, &action_of(&undone)).await;
    assert_eq!(redone.status, 200);
    assert_eq!(alice.get("/api/users/me").await.text, after.text);
}

#[tokio::test]
async fn loses_nothing_that_was_done_since() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first = rename(&alice, "B").await;
    let second = rename(&alice, "C").await;
    let refused = undo(&alice, &first).await;
    let problem = refused.assert_problem(409, "changed_since");
    assert_eq!(problem["errors"][0]["pointer"], format!("/user/{}", alice.id()));
    assert_eq!(alice.get("/api/users/me").await.json()["full_name"], "C");
    assert_eq!(undo(&alice, &second).await.status, 200);
    // What was undone is a change of its own, so the first action is not the last word yet.
    undo(&alice, &first).await.assert_problem(409, "changed_since");
}

#[tokio::test]
async fn undoes_a_whole_chat_or_nothing() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let chat = alice.request(reqwest::Method::POST, "/api/chat").header("accept", "application/json");
    let sent = Answer::of(chat.json(&json!({"content": "Hello", "model": "local/demo"}))).await;
    let conversation = alice.get("/api/conversations").await.json()[0]["id"].as_str().expect("an id").to_owned();
    let kinds: Vec<Value> = changes_after(&alice, 1).await.iter().map(|change| change["entity"].clone()).collect();
    assert_eq!(kinds, ["conversation", "message", "conversation", "message"], "the reply is logged once it has ended");
    // The question and the reply were one request, and so are one action.
    let group = action_of(&sent);
    assert_eq!(undo(&alice, &group).await.status, 200);
    assert_eq!(alice.get("/api/conversations").await.text, "[]");
    assert_eq!(alice.get("/api/chat/history").await.text, "[]");

    let again = action_of(&undo_last(&alice).await);
    assert_eq!(
        alice.get(&format!("/api/conversations/{conversation}/messages")).await.json().as_array().map(Vec::len),
        Some(2)
    );
    let more = alice.request(reqwest::Method::POST, "/api/chat").header("accept", "application/json");
    let body = json!({"content": "More", "model": "local/demo", "conversation_id": conversation});
    assert_eq!(Answer::of(more.json(&body)).await.status, 200);
    let refused = undo(&alice, &again).await;
    refused.assert_problem(409, "changed_since");
    assert_eq!(alice.get("/api/chat/history").await.json().as_array().map(Vec::len), Some(4), "nothing was undone");
}

/// Undoes the newest action.
async fn undo_last(actor: &Actor) -> Answer {
    let changes = changes_after(actor, 0).await;
    let group = changes.last().and_then(|change| change["action_group"].as_str()).expect("there is one").to_owned();
    undo(actor, &group).await
}

#[tokio::test]
async fn happens_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let group = rename(&alice, "B").await;
    let send = || {
        let path = format!("/api/undo/{group}");
        Answer::of(alice.request(reqwest::Method::POST, &path).header("idempotency-key", "once"))
    };
    let (first, second) = (send().await, send().await);
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200), "{}", second.text);
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(changes_after(&alice, 0).await.len(), 3);
}

#[tokio::test]
async fn refuses_what_it_cannot_undo() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let registered = changes_after(&alice, 0).await[0]["action_group"].as_str().expect("a group").to_owned();
    undo(&alice, &registered).await.assert_problem(409, "not_undoable");
    undo(&bob, &registered).await.assert_problem(404, "not_found");
    undo(&alice, "0190a0a0-0000-7000-8000-000000000000").await.assert_problem(404, "not_found");
    undo(&alice, "yesterday").await.assert_problem(404, "not_found");
    undo(&app.anon(), &registered).await.assert_problem(401, "token_missing");
    let group = rename(&alice, "B").await;
    let within = alice.request(reqwest::Method::POST, &format!("/api/undo/{group}")).header("action-group", &group);
    Answer::of(within).await.assert_invalid("Action-Group");
}
