use reqwest::Method;
use serde_json::{Value, json};

use super::{NOTHING, PATH, address, create, id, send_with};
use crate::app::TestApp;

#[tokio::test]
async fn makes_one_with_everything() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let parent = create(&alice, &json!({"title": "Move house"})).await;
    let answer = alice
        .post(
            PATH,
            &json!({
                "id": NOTHING, "title": "  Pack books ", "description": "Heavy ones\nfirst", "status": "in_progress",
                "priority": "high", "due_date": "2026-12-01", "due_time": "09:30", "estimate_minutes": 90,
                "parent_id": parent["id"], "goal_id": null, "source": "import", "source_reference": "list 7",
                "tags": ["home", " boxes ", "home"], "metadata": {"room": {"floor": 2}},
            }),
        )
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    insta::assert_json_snapshot!(answer.json(), {
        ".parent_id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    assert_eq!(answer.json()["parent_id"], parent["id"]);
    let found = alice.get(&address(&answer.json())).await;
    assert_eq!((found.text.as_str(), found.header("etag")), (answer.text.as_str(), answer.header("etag")));
}

#[tokio::test]
async fn needs_nothing_but_a_title() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    insta::assert_json_snapshot!(create(&alice, &json!({"title": "Buy milk"})).await, {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    let done = create(&alice, &json!({"title": "Bought bread", "status": "done"})).await;
    assert_eq!(done["completed_at"], done["created_at"]);
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    alice.post(PATH, &json!({})).await.assert_invalid("/title");
    let tags = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
    for (field, value) in [
        ("title", json!(" ")),
        ("title", json!("two\nlines")),
        ("title", json!("x".repeat(501))),
        ("description", json!("x".repeat(20_001))),
        ("description", json!("nul \u{0}")),
        ("status", json!("open")),
        ("status", json!(null)),
        ("priority", json!(3)),
        ("due_date", json!("2026-02-30")),
        ("due_date", json!("2026-12-01T09:00")),
        ("due_time", json!("24:00")),
        ("due_time", json!("9:30")),
        ("due_time", json!("09:30")),
        ("estimate_minutes", json!(0)),
        ("estimate_minutes", json!(10_081)),
        ("estimate_minutes", json!(1.5)),
        ("parent_id", json!("root")),
        ("parent_id", json!(NOTHING)),
        ("goal_id", json!(NOTHING)),
        ("source", json!("robot")),
        ("source_reference", json!("")),
        ("source_reference", json!("x".repeat(501))),
        ("tags", json!(["x".repeat(51)])),
        ("tags", json!(tags(51))),
        ("metadata", json!([])),
        ("metadata", json!({"x": "x".repeat(16 * 1024)})),
        ("id", json!("mine")),
        ("completed_at", json!("2026-12-01T09:00:00Z")),
        ("user_id", json!(NOTHING)),
    ] {
        let mut body = json!({"title": "Buy milk"});
        body[field] = value;
        alice.post(PATH, &body).await.assert_invalid(&format!("/{field}"));
    }
    assert_eq!(alice.get(PATH).await.json(), json!([]));
}

#[tokio::test]
async fn takes_the_greatest_of_everything() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let body = json!({
        "title": "字".repeat(500), "description": "字".repeat(20_000), "estimate_minutes": 10_080,
        "source_reference": "字".repeat(500), "tags": (10..60).map(|n| format!("{n}{}", "字".repeat(48))).collect::<Vec<_>>(),
        "metadata": {"x": "x".repeat(16 * 1024 - 8)}, "due_date": "2999-12-31", "due_time": "23:59:59",
    });
    let task = create(&alice, &body).await;
    for (field, value) in body.as_object().expect("an object") {
        assert_eq!(&task[field], value, "{field}");
    }
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let body = json!({"id": NOTHING, "title": "Buy milk"});
    create(&alice, &body).await;
    alice.post(PATH, &body).await.assert_problem(409, "id_taken");
    bob.post(PATH, &body).await.assert_problem(409, "id_taken");
}

#[tokio::test]
async fn a_check_box_has_one_task() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let reference = format!("{NOTHING}#b1");
    let of_note = json!({"title": "Buy milk", "source": "note", "source_reference": reference});
    create(&alice, &of_note).await;
    alice.post(PATH, &of_note).await.assert_problem(409, "source_reference_taken");
    create(&bob, &of_note).await;
    let of_import = json!({"title": "Buy milk", "source": "import", "source_reference": reference});
    create(&alice, &of_import).await;
    create(&alice, &of_import).await;
}

#[tokio::test]
async fn the_same_key_makes_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let body = json!({"title": "Buy milk"});
    let key = ("idempotency-key", "k1");
    let first = send_with(&alice, Method::POST, PATH, key, Some(&body)).await;
    let again = send_with(&alice, Method::POST, PATH, key, Some(&body)).await;
    assert_eq!((again.status, again.text.as_str()), (first.status, first.text.as_str()));
    let other = send_with(&alice, Method::POST, PATH, key, Some(&json!({"title": "Buy bread"}))).await;
    other.assert_problem(422, "idempotency_key_reused");
    assert_eq!(alice.get(PATH).await.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let parent: Value = create(&alice, &json!({"title": "Move house"})).await;
    bob.post(PATH, &json!({"title": "Pack", "parent_id": id(&parent)})).await.assert_invalid("/parent_id");
    app.anon().post(PATH, &json!({"title": "Buy milk"})).await.assert_problem(401, "token_missing");
}
