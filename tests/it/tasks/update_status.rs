use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{NOTHING, PATH, address, create, id, send_with};
use crate::app::{Actor, Answer, TestApp};

async fn set(actor: &Actor, task: &Value, body: Value) -> Answer {
    actor.put(&format!("{}/status", address(task)), &body).await
}

#[tokio::test]
async fn done_has_its_time_and_nothing_else_has() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let task = create(&alice, &json!({"title": "Buy milk"})).await;
    for status in ["in_progress", "done", "pending", "done", "archived", "cancelled", "done", "in_progress"] {
        app.clock.advance(Duration::from_secs(1));
        let changed = set(&alice, &task, json!({"status": status})).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        let changed = changed.json();
        let expected = if status == "done" { changed["updated_at"].clone() } else { Value::Null };
        assert_eq!((&changed["status"], &changed["completed_at"]), (&json!(status), &expected));
        assert_eq!(alice.get(&address(&task)).await.json(), changed);
    }
}

#[tokio::test]
async fn the_same_again_changes_nothing() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let task = create(&alice, &json!({"title": "Buy milk"})).await;
    let done = set(&alice, &task, json!({"status": "done"})).await;
    let count = alice.get("/api/changes").await.json().as_array().map(Vec::len);
    app.clock.advance(Duration::from_mins(1));
    let again = set(&alice, &task, json!({"status": "done"})).await;
    assert_eq!((again.text.as_str(), again.header("etag")), (done.text.as_str(), done.header("etag")));
    assert_eq!(alice.get("/api/changes").await.json().as_array().map(Vec::len), count, "nothing is logged");
}

#[tokio::test]
async fn tasks_below_end_only_when_told() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let top = create(&alice, &json!({"title": "top"})).await;
    let mut below = Vec::new();
    for status in ["pending", "in_progress", "cancelled", "archived"] {
        below.push(create(&alice, &json!({"title": status, "status": status, "parent_id": id(&top)})).await);
    }
    below.push(create(&alice, &json!({"title": "pending", "parent_id": id(&below[2])})).await);
    let statuses = || async {
        let mut statuses = Vec::new();
        for task in &below {
            statuses.push(alice.get(&address(task)).await.json()["status"].as_str().expect("a status").to_owned());
        }
        statuses.join(" ")
    };
    set(&alice, &top, json!({"status": "done"})).await;
    assert_eq!(statuses().await, "pending in_progress cancelled archived pending");
    set(&alice, &top, json!({"status": "pending", "subtasks": true})).await.assert_invalid("/subtasks");
    let all = set(&alice, &top, json!({"status": "done", "subtasks": true})).await;
    assert_eq!(all.json()["id"], top["id"]);
    assert_eq!(statuses().await, "done done cancelled archived done");
    let undone = alice.post(&format!("/api/undo/{}", all.header("action-group")), &json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    assert_eq!(statuses().await, "pending in_progress cancelled archived pending");
}

#[tokio::test]
async fn only_as_it_was_read_and_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let task = create(&alice, &json!({"title": "Buy milk"})).await;
    let path = format!("{}/status", address(&task));
    let read = alice.get(&address(&task)).await;
    let (done, open) = (json!({"status": "done"}), json!({"status": "pending"}));
    let fresh = send_with(&alice, Method::PUT, &path, ("if-match", read.header("etag")), Some(&done)).await;
    assert_eq!(fresh.status, 200, "{}", fresh.text);
    let stale = send_with(&alice, Method::PUT, &path, ("if-match", read.header("etag")), Some(&open)).await;
    stale.assert_problem(412, "precondition_failed");
    let key = ("idempotency-key", "k1");
    let first = send_with(&alice, Method::PUT, &path, key, Some(&open)).await;
    set(&alice, &task, done).await;
    let again = send_with(&alice, Method::PUT, &path, key, Some(&open)).await;
    assert_eq!(again.text, first.text);
    assert_eq!(alice.get(&address(&task)).await.json()["status"], "done");
}

#[tokio::test]
async fn is_for_oneself_and_names_the_field() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let task = create(&alice, &json!({"title": "Buy milk"})).await;
    set(&bob, &task, json!({"status": "done"})).await.assert_problem(404, "not_found");
    set(&app.anon(), &task, json!({"status": "done"})).await.assert_problem(401, "token_missing");
    alice.put(&format!("{PATH}/{NOTHING}/status"), &json!({"status": "done"})).await.assert_problem(404, "not_found");
    set(&alice, &task, json!({})).await.assert_invalid("/status");
    set(&alice, &task, json!({"status": "finished"})).await.assert_invalid("/status");
    set(&alice, &task, json!({"status": "done", "title": "x"})).await.assert_invalid("/title");
}
