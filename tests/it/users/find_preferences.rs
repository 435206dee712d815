use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn is_an_empty_object_at_first() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let answer = alice.get("/api/users/preferences").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({})));
}

#[tokio::test]
async fn is_each_users_own() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    alice.put("/api/users/preferences", &json!({"theme": "dark"})).await;
    assert_eq!(alice.get("/api/users/preferences").await.json(), json!({"theme": "dark"}));
    assert_eq!(bob.get("/api/users/preferences").await.json(), json!({}));
}

#[tokio::test]
async fn needs_a_token() {
    let app = TestApp::start().await;
    app.anon().get("/api/users/preferences").await.assert_problem(401, "token_missing");
}
