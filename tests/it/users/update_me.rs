use serde_json::json;

use super::put_once;
use crate::app::TestApp;

const PATH: &str = "/api/users/me";

#[tokio::test]
async fn replaces_the_name() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let answer = alice.put(PATH, &json!({"full_name": "  Alice Liddell "})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    insta::assert_json_snapshot!(answer.json(), {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    assert_eq!(alice.get(PATH).await.json(), answer.json());
    assert_eq!(bob.get(PATH).await.json()["full_name"], "bob");
    let without = alice.put(PATH, &json!({"full_name": null})).await;
    assert_eq!(without.json()["full_name"], json!(null));
}

#[tokio::test]
async fn takes_only_what_may_change() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for field in ["role", "is_active", "email", "id", "preferences"] {
        let body = json!({"full_name": "Alice", field: "admin"});
        alice.put(PATH, &body).await.assert_invalid(&format!("/{field}"));
    }
    alice.put(PATH, &json!({})).await.assert_invalid("/full_name");
    for name in [json!(""), json!("x".repeat(201)), json!("a\nb"), json!(7)] {
        alice.put(PATH, &json!({"full_name": name})).await.assert_invalid("/full_name");
    }
    assert_eq!(alice.get(PATH).await.json(), alice.session["user"]);
}

#[tokio::test]
async fn the_same_key_writes_once() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let first = put_once(&alice, PATH, "k1", &json!({"full_name": "One"})).await;
    assert_eq!(first.status, 200, "{}", first.text);
    alice.put(PATH, &json!({"full_name": "Two"})).await;
    let again = put_once(&alice, PATH, "k1", &json!({"full_name": "One"})).await;
    assert_eq!((again.json(), again.header("idempotency-replayed")), (first.json(), "true"));
    assert_eq!(alice.get(PATH).await.json()["full_name"], "Two");
    let other = put_once(&alice, PATH, "k1", &json!({"full_name": "Three"})).await;
    other.assert_problem(422, "idempotency_key_reused");
    let bobs = put_once(&bob, PATH, "k1", &json!({"full_name": "Robert"})).await;
    assert_eq!(bobs.json()["full_name"], "Robert", "keys are each user's own");
    put_once(&alice, PATH, &"k".repeat(256), &json!({"full_name": "One"})).await.assert_invalid("Idempotency-Key");
}

#[tokio::test]
async fn needs_a_token() {
    let app = TestApp::start().await;
    app.anon().put(PATH, &json!({"full_name": "Alice"})).await.assert_problem(401, "token_missing");
}
