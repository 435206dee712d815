use reqwest::Method;
use serde_json::json;

use super::{contents, messages, send, twice};
use crate::app::{Answer, TestApp};

const PATH: &str = "/api/conversations";

#[tokio::test]
async fn begins_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let body = json!({"id": "my-plan", "title": "  My plan ", "metadata": {"colour": "blue"}});
    let created = alice.post(PATH, &body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    insta::assert_json_snapshot!(created.json(), {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    let found = alice.get(&format!("{PATH}/my-plan")).await;
    assert_eq!(found.json(), created.json());
    assert_eq!(found.header("etag"), created.header("etag"));
    alice.post(PATH, &body).await.assert_problem(409, "id_taken");
    let bob = app.register("bob").await;
    assert_eq!(bob.post(PATH, &body).await.status, 201, "names are of one user");
    let foreign = json!({"id": created.json()["id"]});
    bob.post(PATH, &foreign).await.assert_problem(409, "id_taken");
}

#[tokio::test]
async fn the_first_message_gives_it_a_title() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let created = Answer::of(alice.request(Method::POST, PATH)).await;
    assert_eq!((created.status.as_u16(), &created.json()["title"]), (201, &json!("New conversation")));
    let address = format!("{PATH}/{}", created.json()["id"].as_str().expect("an id"));
    for (content, titled) in [("Plan my week", true), ("And the next", false)] {
        let request = alice.request(Method::POST, &format!("{address}/messages"));
        let stream = Answer::of(request.json(&json!({"content": content}))).await;
        assert_eq!(stream.text.contains("\"title\":\"Plan my week\""), titled, "{}", stream.text);
    }
    assert_eq!(alice.get(&address).await.json()["title"], "Plan my week");
    assert_eq!(messages(&alice, &address).await.len(), 4);

    let titled = alice.post(PATH, &json!({"title": "Mine"})).await.json();
    send(&alice, &json!({"content": "Plan my week", "conversation_id": titled["id"]})).await;
    let address = format!("{PATH}/{}", titled["id"].as_str().expect("an id"));
    assert_eq!(alice.get(&address).await.json()["title"], "Mine");
    assert_eq!(contents(&messages(&alice, &address).await)[0], "Plan my week");
}

#[tokio::test]
async fn a_key_makes_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let [first, second] = twice(&alice, Method::POST, PATH, &json!({"title": "Once"})).await;
    assert_eq!(first.json(), second.json());
    let list = alice.get(PATH).await.json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn bad_input_is_named() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for (body, pointer) in [
        (json!({"id": ""}), "/id"),
        (json!({"id": "c".repeat(201)}), "/id"),
        (json!({"title": " "}), "/title"),
        (json!({"title": "a".repeat(501)}), "/title"),
        (json!({"metadata": []}), "/metadata"),
        (json!({"metadata": {"a": "b".repeat(16 * 1024)}}), "/metadata"),
        (json!({"metadata": {"a": "\u{0}"}}), "/metadata"),
        (json!({"head_id": "x"}), "/head_id"),
    ] {
        alice.post(PATH, &body).await.assert_invalid(pointer);
    }
    app.anon().post(PATH, &json!({})).await.assert_problem(401, "token_missing");
    assert_eq!(alice.get(PATH).await.json(), json!([]));
}
