use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::{NOTHING, address, check_box, create, find, id, paragraph, put_with, states};
use crate::app::{Answer, TestApp};

#[tokio::test]
async fn changes_what_is_sent() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let parent = create(&alice, &json!({"title": "Home"})).await;
    let note = create(&alice, &json!({"title": "Plans", "content": [paragraph("a", "Monday")]})).await;
    app.clock.advance(Duration::from_secs(1));
    let all = json!({
        "title": "Wishes", "content": [paragraph("b", "Tuesday")], "parent_id": id(&parent), "is_pinned": true,
        "is_archived": true, "metadata": {"a": 1},
    });
    let changed = alice.put(&address(&note), &all).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    insta::assert_json_snapshot!(changed.json(), {
        ".id" => "[id]", ".parent_id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    assert_ne!(changed.json()["updated_at"], note["updated_at"]);
    let mut expected = changed.json();
    for (field, value) in [
        ("title", json!("Hopes")),
        ("content", json!([])),
        ("parent_id", json!(null)),
        ("is_pinned", json!(false)),
        ("is_archived", json!(false)),
        ("metadata", json!({})),
    ] {
        let changed = alice.put(&address(&note), &json!({field: value.clone()})).await;
        expected[field] = value;
        expected["updated_at"] = changed.json()["updated_at"].clone();
        assert_eq!(changed.json(), expected, "{field}");
        let found = alice.get(&address(&note)).await;
        assert_eq!((found.text.as_str(), found.header("etag")), (changed.text.as_str(), changed.header("etag")));
    }
}

#[tokio::test]
async fn the_same_again_changes_nothing() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let body = json!({"title": "Plans", "content": [check_box("a", "Call", false)], "metadata": {"b": [1, 2.5]}});
    let note = create(&alice, &body).await;
    app.clock.advance(Duration::from_mins(1));
    for body in [body, json!({}), json!({"parent_id": null, "is_pinned": false})] {
        assert_eq!(alice.put(&address(&note), &body).await.json(), note);
    }
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({})).await;
    for field in ["title", "content", "is_pinned", "is_archived", "metadata"] {
        alice.put(&address(&note), &json!({field: null})).await.assert_invalid(&format!("/{field}"));
    }
    for (field, value) in [("parent_id", json!(NOTHING)), ("id", json!(NOTHING)), ("created_at", json!("2026-01-01"))] {
        alice.put(&address(&note), &json!({field: value})).await.assert_invalid(&format!("/{field}"));
    }
    let twice = json!({"content": [paragraph("a", ""), {"id": "b", "type": "x", "children": [paragraph("a", "")]}]});
    alice.put(&address(&note), &twice).await.assert_invalid("/content/1/children/0/id");
    assert_eq!(find(&alice, &note).await, note);
}

#[tokio::test]
async fn is_never_below_itself() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let top = create(&alice, &json!({"title": "top"})).await;
    let middle = create(&alice, &json!({"title": "middle", "parent_id": id(&top)})).await;
    let bottom = create(&alice, &json!({"title": "bottom", "parent_id": id(&middle)})).await;
    for parent in [&top, &middle, &bottom] {
        let problem = alice.put(&address(&top), &json!({"parent_id": id(parent)})).await.assert_problem(409, "cycle");
        assert_eq!(problem["errors"][0]["pointer"], "/parent_id");
    }
    let moved = alice.put(&address(&bottom), &json!({"parent_id": id(&top)})).await;
    assert_eq!(moved.json()["parent_id"], top["id"]);
    let sql = format!("update notes set parent_id = '{}' where id = '{}'", id(&bottom), id(&top));
    let refused = app.superuser().await.batch_execute(&sql).await.expect_err("the database refuses it too");
    assert_eq!(refused.as_db_error().and_then(|error| error.constraint()), Some("notes_acyclic"));
}

#[tokio::test]
async fn lies_at_most_32_levels_deep() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let mut line = vec![create(&alice, &json!({"title": "1"})).await];
    for level in 2..=32 {
        let parent = id(&line[line.len() - 1]).to_owned();
        line.push(create(&alice, &json!({"title": level.to_string(), "parent_id": parent})).await);
    }
    let deepest = id(&line[31]).to_owned();
    alice.post(super::PATH, &json!({"parent_id": deepest})).await.assert_problem(409, "too_deep");
    let pair = create(&alice, &json!({})).await;
    create(&alice, &json!({"parent_id": id(&pair)})).await;
    alice.put(&address(&pair), &json!({"parent_id": id(&line[30])})).await.assert_problem(409, "too_deep");
    assert_eq!(alice.put(&address(&pair), &json!({"parent_id": id(&line[29])})).await.status, 200);
}

#[tokio::test]
async fn a_stale_save_changes_nothing() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({"content": [check_box("a", "Call", false)]})).await;
    let read = alice.get(&address(&note)).await.header("etag").to_owned();
    let task = super::tasks(&alice, &note).await.remove(0);
    // Ticking the task changes the note, so the editor's state is an old one.
    super::set_status(&alice, &task, "done").await;
    let stale = json!({"content": [check_box("b", "Write", false)]});
    let refused = put_with(&alice, &note, ("if-match", &read), &stale).await;
    refused.assert_problem(412, "precondition_failed");
    let now = find(&alice, &note).await;
    assert_eq!(now["content"], json!([check_box("a", "Call", true)]));
    assert_eq!(states(&alice, &note).await, [("Call".to_owned(), "done".to_owned())]);
    let fresh = put_with(&alice, &note, ("if-match", refused.header("etag")), &stale).await;
    assert_eq!(fresh.status, 200, "{}", fresh.text);
    let deletion = alice.request(Method::DELETE, &address(&note)).header("if-match", refused.header("etag"));
    Answer::of(deletion).await.assert_problem(412, "precondition_failed");
    assert_eq!(find(&alice, &note).await, fresh.json());
}

#[tokio::test]
async fn the_same_key_changes_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({})).await;
    let first = put_with(&alice, &note, ("idempotency-key", "k1"), &json!({"title": "One"})).await;
    assert_eq!(first.status, 200, "{}", first.text);
    alice.put(&address(&note), &json!({"title": "Two"})).await;
    let again = put_with(&alice, &note, ("idempotency-key", "k1"), &json!({"title": "One"})).await;
    assert_eq!((again.text.as_str(), again.header("idempotency-replayed")), (first.text.as_str(), "true"));
    assert_eq!(find(&alice, &note).await["title"], "Two");
    let other = create(&alice, &json!({})).await;
    let reused = put_with(&alice, &other, ("idempotency-key", "k1"), &json!({"title": "One"})).await;
    reused.assert_problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let (note, bobs) = (create(&alice, &json!({})).await, create(&bob, &json!({})).await);
    bob.put(&address(&note), &json!({"title": "Mine"})).await.assert_problem(404, "not_found");
    bob.put(&address(&bobs), &json!({"parent_id": id(&note)})).await.assert_invalid("/parent_id");
    app.anon().put(&address(&note), &json!({})).await.assert_problem(401, "token_missing");
    assert_eq!(find(&alice, &note).await, note);
}
