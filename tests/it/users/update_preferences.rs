use serde_json::json;

use super::put_once;
use crate::app::TestApp;

const PATH: &str = "/api/users/preferences";

#[tokio::test]
async fn replaces_them_as_a_whole() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first =
        json!({"theme": "dark", "working_hours": {"from": "09:00", "to": "17:30"}, "days": [1, 2.5, null, true]});
    let answer = alice.put(PATH, &first).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, first));
    let second = json!({"schriftgröße": "größer"});
    assert_eq!(alice.put(PATH, &second).await.json(), second);
    assert_eq!(alice.get(PATH).await.json(), second);
}

#[tokio::test]
async fn takes_objects_of_a_bounded_size_only() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for body in [json!([]), json!("dark"), json!(null)] {
        alice.put(PATH, &body).await.assert_invalid("");
    }
    let most = json!({"x": "x".repeat(16 * 1024 - 8)});
    assert_eq!(alice.put(PATH, &most).await.status, 200);
    let more = json!({"x": "x".repeat(16 * 1024 - 7)});
    alice.put(PATH, &more).await.assert_problem(413, "too_large");
    assert_eq!(alice.get(PATH).await.json(), most);
}

#[tokio::test]
async fn names_text_that_cannot_be_kept() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    alice.put(PATH, &json!({"a/b": [1, {"c": "x\u{0}"}]})).await.assert_invalid("/a~1b/1/c");
    alice.put(PATH, &json!({"a": {"b\u{0}": 1}})).await.assert_invalid("/a");
}

#[tokio::test]
async fn the_same_key_writes_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first = put_once(&alice, PATH, "k1", &json!({"n": 1})).await;
    alice.put(PATH, &json!({"n": 2})).await;
    let again = put_once(&alice, PATH, "k1", &json!({"n": 1})).await;
    assert_eq!((again.text.as_str(), again.header("idempotency-replayed")), (first.text.as_str(), "true"));
    assert_eq!(alice.get(PATH).await.json(), json!({"n": 2}));
    put_once(&alice, "/api/users/me", "k1", &json!({"full_name": null}))
        .await
        .assert_problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn needs_a_token() {
    let app = TestApp::start().await;
    app.anon().put(PATH, &json!({})).await.assert_problem(401, "token_missing");
}
