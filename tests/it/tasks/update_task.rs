use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{NOTHING, PATH, address, create, id, send_with};
use crate::app::TestApp;

#[tokio::test]
async fn changes_what_is_sent() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let (top, task) =
        (create(&alice, &json!({"title": "Move"})).await, create(&alice, &json!({"title": "Pack"})).await);
    app.clock.advance(Duration::from_secs(1));
    let all = json!({
        "title": "Pack books", "description": "Heavy", "status": "done", "priority": "urgent",
        "due_date": "2026-12-01", "due_time": "18:00:00", "estimate_minutes": 15, "parent_id": id(&top),
        "tags": ["home"], "metadata": {"a": 1},
    });
    let changed = alice.put(&address(&task), &all).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    insta::assert_json_snapshot!(changed.json(), {
        ".id" => "[id]", ".parent_id" => "[id]", ".completed_at" => "[time]", ".created_at" => "[time]",
        ".updated_at" => "[time]",
    });
    let mut expected = changed.json();
    for (field, value) in [
        ("priority", json!("low")),
        ("description", json!(null)),
        ("parent_id", json!(null)),
        ("due_time", json!(null)),
    ] {
        let mut body = json!({});
        body[field] = value.clone();
        let changed = alice.put(&address(&task), &body).await.json();
        expected[field] = value;
        expected["updated_at"] = changed["updated_at"].clone();
        assert_eq!(changed, expected, "{field}");
    }
    assert_eq!(alice.get(&address(&task)).await.json(), expected);
}

#[tokio::test]
async fn a_time_goes_with_its_day() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let task = create(&alice, &json!({"title": "Call", "due_date": "2026-12-01", "due_time": "09:00"})).await;
    let path = address(&task);
    alice.put(&path, &json!({"due_date": null, "due_time": "10:00"})).await.assert_invalid("/due_time");
    let cleared = alice.put(&path, &json!({"due_date": null})).await.json();
    assert_eq!((&cleared["due_date"], &cleared["due_time"]), (&Value::Null, &Value::Null));
    alice.put(&path, &json!({"due_time": "10:00"})).await.assert_invalid("/due_time");
    let both = alice.put(&path, &json!({"due_date": "2026-12-02", "due_time": "10:00"})).await.json();
    assert_eq!(both["due_time"], "10:00:00");
    let moved = alice.put(&path, &json!({"due_date": "2026-12-03"})).await.json();
    assert_eq!((&moved["due_date"], &moved["due_time"]), (&json!("2026-12-03"), &json!("10:00:00")));
}

#[tokio::test]
async fn the_same_again_changes_nothing() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let body = json!({"title": "Pack", "due_date": "2026-12-01", "tags": ["a"], "metadata": {"b": [1, 2.5]}});
    let task = create(&alice, &body).await;
    app.clock.advance(Duration::from_mins(1));
    for body in [body, json!({}), json!({"description": null, "status": "pending"})] {
        assert_eq!(alice.put(&address(&task), &body).await.json(), task);
    }
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let task = create(&alice, &json!({"title": "Pack"})).await;
    for field in ["title", "status", "priority", "tags", "metadata"] {
        alice.put(&address(&task), &json!({field: null})).await.assert_invalid(&format!("/{field}"));
    }
    for (field, value) in [
        ("title", json!("")),
        ("estimate_minutes", json!(10_081)),
        ("due_date", json!("tomorrow")),
        ("goal_id", json!(NOTHING)),
        ("parent_id", json!(NOTHING)),
        ("source", json!("user")),
        ("id", json!(NOTHING)),
        ("completed_at", json!(null)),
    ] {
        alice.put(&address(&task), &json!({field: value})).await.assert_invalid(&format!("/{field}"));
    }
    assert_eq!(alice.get(&address(&task)).await.json(), task);
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
        let detail = problem["detail"].as_str().expect("a sentence");
        assert!(detail.contains(id(&top)) && detail.contains(id(parent)), "{detail}");
    }
    let moved = alice.put(&address(&bottom), &json!({"parent_id": id(&top)})).await;
    assert_eq!(moved.json()["parent_id"], top["id"]);
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
    let deeper = json!({"title": "33", "parent_id": id(&line[31])});
    alice.post(PATH, &deeper).await.assert_problem(409, "too_deep");
    let pair = create(&alice, &json!({"title": "a"})).await;
    create(&alice, &json!({"title": "b", "parent_id": id(&pair)})).await;
    alice.put(&address(&pair), &json!({"parent_id": id(&line[30])})).await.assert_problem(409, "too_deep");
    let fits = alice.put(&address(&pair), &json!({"parent_id": id(&line[29])})).await;
    assert_eq!(fits.status, 200, "{}", fits.text);
    let mut depth = 1;
    let tree = alice.get(&format!("{}/tree", address(&line[0]))).await.json();
    let mut node = &tree["root"];
    while let Some(below) = node["subtasks"].get(0) {
        (node, depth) = (below, depth + 1);
    }
    assert_eq!(depth, 32);
}

#[tokio::test]
async fn only_as_it_was_read_and_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let task = create(&alice, &json!({"title": "Pack"})).await;
    let read = alice.get(&address(&task)).await;
    let change = |title: &str| json!({"title": title});
    let first =
        send_with(&alice, Method::PUT, &address(&task), ("if-match", read.header("etag")), Some(&change("a"))).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let stale =
        send_with(&alice, Method::PUT, &address(&task), ("if-match", read.header("etag")), Some(&change("b"))).await;
    stale.assert_problem(412, "precondition_failed");
    let key = ("idempotency-key", "k1");
    let kept = send_with(&alice, Method::PUT, &address(&task), key, Some(&change("c"))).await;
    alice.put(&address(&task), &change("d")).await;
    let again = send_with(&alice, Method::PUT, &address(&task), key, Some(&change("c"))).await;
    assert_eq!(again.text, kept.text);
    // What is absent and what is null are two writes.
    let other =
        send_with(&alice, Method::PUT, &address(&task), key, Some(&json!({"title": "c", "goal_id": null}))).await;
    other.assert_problem(422, "idempotency_key_reused");
    assert_eq!(alice.get(&address(&task)).await.json()["title"], "d");
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let task = create(&alice, &json!({"title": "Pack"})).await;
    let bobs = create(&bob, &json!({"title": "Pack"})).await;
    bob.put(&address(&task), &json!({"title": "Mine"})).await.assert_problem(404, "not_found");
    bob.put(&address(&bobs), &json!({"parent_id": id(&task)})).await.assert_invalid("/parent_id");
    app.anon().put(&address(&task), &json!({"title": "Mine"})).await.assert_problem(401, "token_missing");
    alice.put(&format!("{PATH}/{NOTHING}"), &json!({"title": "Mine"})).await.assert_problem(404, "not_found");
}
