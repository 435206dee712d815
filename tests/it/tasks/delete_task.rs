use reqwest::Method;
use serde_json::{Value, json};

use super::{NOTHING, PATH, address, create, delete, id, send_with};
use crate::app::{Actor, TestApp};

/// A task, one below it, and one below that.
async fn line(actor: &Actor) -> [Value; 3] {
    let top = create(actor, &json!({"title": "Move house"})).await;
    let middle = create(actor, &json!({"title": "Pack", "parent_id": id(&top), "tags": ["boxes"]})).await;
    let bottom = create(actor, &json!({"title": "Books", "parent_id": id(&middle), "status": "done"})).await;
    [top, middle, bottom]
}

#[tokio::test]
async fn takes_everything_below_along() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let [top, middle, bottom] = line(&alice).await;
    let other = create(&alice, &json!({"title": "Buy milk"})).await;
    let deleted = delete(&alice, &address(&middle)).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    for (task, status) in [(&top, 200), (&middle, 404), (&bottom, 404), (&other, 200)] {
        assert_eq!(alice.get(&address(task)).await.status.as_u16(), status, "{task}");
    }
    delete(&alice, &address(&middle)).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn undoing_brings_all_of_it_back() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let tasks = line(&alice).await;
    let action = delete(&alice, &address(&tasks[0])).await.header("action-group").to_owned();
    let undone = alice.post(&format!("/api/undo/{action}"), &json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    for task in &tasks {
        assert_eq!(&alice.get(&address(task)).await.json(), task);
    }
}

#[tokio::test]
async fn only_as_it_was_read() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let task = create(&alice, &json!({"title": "Buy milk"})).await;
    let read = alice.get(&address(&task)).await;
    let changed = alice.put(&address(&task), &json!({"title": "Buy bread"})).await;
    let stale = send_with(&alice, Method::DELETE, &address(&task), ("if-match", read.header("etag")), None).await;
    stale.assert_problem(412, "precondition_failed");
    let fresh = send_with(&alice, Method::DELETE, &address(&task), ("if-match", changed.header("etag")), None).await;
    assert_eq!(fresh.status, 204, "{}", fresh.text);
}

#[tokio::test]
async fn the_same_key_answers_the_same() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let (task, other) =
        (create(&alice, &json!({"title": "Milk"})).await, create(&alice, &json!({"title": "Bread"})).await);
    let key = ("idempotency-key", "k1");
    for _ in 0..2 {
        let deleted = send_with(&alice, Method::DELETE, &address(&task), key, None).await;
        assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    }
    let reused = send_with(&alice, Method::DELETE, &address(&other), key, None).await;
    reused.assert_problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let task = create(&alice, &json!({"title": "Buy milk"})).await;
    delete(&bob, &address(&task)).await.assert_problem(404, "not_found");
    delete(&app.anon(), &address(&task)).await.assert_problem(401, "token_missing");
    delete(&alice, &format!("{PATH}/{NOTHING}")).await.assert_problem(404, "not_found");
    assert_eq!(alice.get(&address(&task)).await.status, 200);
}
