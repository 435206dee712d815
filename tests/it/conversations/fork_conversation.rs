use reqwest::Method;
use serde_json::{Value, json};

use super::{address, contents, messages, say, say_after, twice};
use crate::app::TestApp;

#[tokio::test]
async fn copies_the_branch_down_to_the_message() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first = say(&alice, "One").await;
    let second = say_after(&alice, &first, "Two").await;
    say_after(&alice, &first, "Three").await;
    let address = address(&first);
    let before = messages(&alice, &address).await;

    let fork = alice.post(&format!("{address}/fork"), &json!({"message_id": second["id"]})).await;
    assert_eq!(fork.status, 201, "{}", fork.text);
    insta::assert_json_snapshot!(fork.json(), {
        ".id" => "[id]", ".head_id" => "[id]", ".metadata.forked_from.conversation_id" => "[id]",
        ".metadata.forked_from.message_id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    assert_eq!(
        fork.json()["metadata"]["forked_from"],
        json!({"conversation_id": first["conversation_id"], "message_id": second["id"]})
    );
    let forked = format!("/api/conversations/{}", fork.json()["id"].as_str().expect("an id"));
    assert_eq!(alice.get(&forked).await.json(), fork.json());
    let copies = messages(&alice, &forked).await;
    assert_eq!(contents(&copies), contents(&before[..4]));
    assert_eq!(copies[3]["id"], fork.json()["head_id"]);
    for (place, (copy, original)) in copies.iter().zip(&before).enumerate() {
        assert_ne!(copy["id"], original["id"]);
        assert_eq!(copy["created_at"], original["created_at"]);
        assert_eq!((&copy["role"], &copy["status"]), (&original["role"], &original["status"]));
        assert_eq!(copy["usage"], Value::Null, "a copy cost nothing");
        let parent = if place == 0 { &Value::Null } else { &copies[place - 1]["id"] };
        assert_eq!(&copy["parent_id"], parent);
    }
    let reply = say_after(&alice, &json!({"conversation_id": fork.json()["id"]}), "Four").await;
    assert_eq!(reply["conversation_id"], fork.json()["id"]);
    assert_eq!(messages(&alice, &address).await, before, "the original is as it was");
}

#[tokio::test]
async fn takes_a_title_an_id_and_any_message() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first = say(&alice, "One").await;
    let path = format!("{}/fork", address(&first));
    let body = json!({"message_id": first["parent_id"], "title": "Another way", "id": "other"});
    let [fork, again] = twice(&alice, Method::POST, &path, &body).await;
    assert_eq!((fork.status.as_u16(), &fork.json()["title"]), (201, &json!("Another way")));
    assert_eq!(fork.json(), again.json());
    assert_eq!(contents(&messages(&alice, "/api/conversations/other").await), ["One"]);
    alice.post(&path, &body).await.assert_problem(409, "id_taken");
}

#[tokio::test]
async fn bad_input_and_strangers_are_refused() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let (one, other) = (say(&alice, "One").await, say(&alice, "Other").await);
    let path = format!("{}/fork", address(&one));
    alice.post(&path, &json!({})).await.assert_invalid("/message_id");
    alice.post(&path, &json!({"message_id": other["id"]})).await.assert_invalid("/message_id");
    let body = json!({"message_id": one["id"]});
    bob.post(&path, &body).await.assert_problem(404, "not_found");
    let bobs = address(&say(&bob, "Mine").await);
    bob.post(&format!("{bobs}/fork"), &body).await.assert_invalid("/message_id");
    app.anon().post(&path, &body).await.assert_problem(401, "token_missing");
}
