use serde_json::{Value, json};

use super::{NOTHING, PATH, address, check_box, create, id, paragraph, states};
use crate::app::{Answer, TestApp};

#[tokio::test]
async fn keeps_blocks_as_they_are() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let parent = create(&alice, &json!({"title": "Home"})).await;
    let content = json!([
        {"id": "1", "type": "heading", "props": {"level": 2, "textColor": "default"}, "children": [],
         "content": [{"type": "text", "text": "Plan ", "styles": {"bold": true}},
                     {"type": "link", "href": "https://example.com", "content": [{"type": "text", "text": "it", "styles": {}}]},
                     {"type": "mention", "props": {"user": "Ada"}}]},
        {"id": "2", "type": "table", "props": {}, "children": [],
         "content": {"type": "tableContent", "columnWidths": [null, 120], "headerRows": 1, "rows": [
             {"cells": [{"type": "tableCell", "props": {"colspan": 1}, "content": [{"type": "text", "text": "a", "styles": {}}]},
                        [{"type": "text", "text": "b", "styles": {}}]]}]}},
        {"id": "3", "type": "my-own-block", "props": {"points": [1, 2.5, -3e-7], "deep": {"er": null}}, "more": [[]]},
        check_box("4", "Call Ada", false),
    ]);
    let made = alice
        .post(
            PATH,
            &json!({"title": "  Plans ", "content": content, "parent_id": id(&parent), "is_pinned": true,
                    "metadata": {"colour": "red"}}),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json()["content"], content);
    insta::assert_json_snapshot!(made.json(), {
        ".id" => "[id]", ".parent_id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    let found = alice.get(&address(&made.json())).await;
    assert_eq!((found.text.as_str(), found.header("etag")), (made.text.as_str(), made.header("etag")));
    assert!(!made.header("etag").is_empty());
    assert_eq!(states(&alice, &made.json()).await, [("Call Ada".to_owned(), "pending".to_owned())]);
}

#[tokio::test]
async fn needs_nothing() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({})).await;
    assert_eq!((&note["title"], &note["content"]), (&json!("Untitled"), &json!([])));
}

#[tokio::test]
async fn gives_ids_to_blocks_without() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({"content": [{"type": "x", "children": [{"type": "y"}]}]})).await;
    let (outer, inner) = (&note["content"][0]["id"], &note["content"][0]["children"][0]["id"]);
    assert!(outer.is_string() && inner.is_string() && outer != inner, "{note}");
}

#[tokio::test]
async fn names_the_field_at_fault() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for (body, pointer) in [
        (json!({"title": ""}), "/title"),
        (json!({"title": "x".repeat(501)}), "/title"),
        (json!({"parent_id": NOTHING}), "/parent_id"),
        (json!({"content": {}}), "/content"),
        (json!({"content": [paragraph("a", ""), paragraph("a", "")]}), "/content/1/id"),
        (json!({"content": [paragraph("a", "nul \u{0}")]}), "/content/0/content/0/text"),
        (json!({"content": [{"id": "a"}]}), "/content/0/type"),
        (json!({"content": [paragraph("a", &"x".repeat(1024 * 1024))]}), "/content"),
        (json!({"metadata": []}), "/metadata"),
        (json!({"user_id": NOTHING}), "/user_id"),
    ] {
        alice.post(PATH, &body).await.assert_invalid(pointer);
    }
    let body = json!({"content": [paragraph("a", &"x".repeat(2 * 1024 * 1024))]});
    alice.post(PATH, &body).await.assert_problem(413, "too_large");
    assert_eq!(alice.get(PATH).await.json(), json!([]));
}

#[tokio::test]
async fn takes_the_largest_note() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    // Words of four-byte letters, each another and with hyphens: as much as can be asked of a search vector.
    let letter = |n: u32| char::from_u32(0x1_0300 + n % 27).expect("a letter");
    let word = |n: u32| format!("{}{}-{}{}", letter(n), letter(n / 27), letter(n / 729), letter(n / 19683));
    let text: String = (0..45_000).map(word).collect::<Vec<_>>().join(" ");
    let made = create(&alice, &json!({"content": [paragraph("a", &text)]})).await;
    let found = alice.get(&address(&made)).await;
    assert!(!found.header("etag").is_empty());
    assert_eq!(found.json(), made);
}

#[tokio::test]
async fn clients_choose_ids() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let body = json!({"id": NOTHING, "content": [check_box("b", "Call", false)]});
    assert_eq!(create(&alice, &body).await["id"], NOTHING);
    for actor in [&alice, &bob] {
        actor.post(PATH, &body).await.assert_problem(409, "id_taken");
    }
    let tasks = alice.get("/api/tasks").await.json();
    assert_eq!(tasks.as_array().map(Vec::len), Some(1), "{tasks}");
    assert_eq!(bob.get("/api/tasks").await.json(), json!([]));
}

#[tokio::test]
async fn the_same_key_makes_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let send = async |body: Value| {
        Answer::of(alice.request(reqwest::Method::POST, PATH).header("idempotency-key", "k1").json(&body)).await
    };
    let body = json!({"title": "Once", "content": [{"type": "checkListItem", "content": "Call"}]});
    let first = send(body.clone()).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let again = send(body).await;
    assert_eq!((again.text.as_str(), again.header("idempotency-replayed")), (first.text.as_str(), "true"));
    send(json!({"title": "Twice"})).await.assert_problem(422, "idempotency_key_reused");
    assert_eq!(alice.get(PATH).await.json().as_array().map(Vec::len), Some(1));
    assert_eq!(alice.get("/api/tasks").await.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let note = create(&alice, &json!({})).await;
    bob.post(PATH, &json!({"parent_id": id(&note)})).await.assert_invalid("/parent_id");
    app.anon().post(PATH, &json!({})).await.assert_problem(401, "token_missing");
}
