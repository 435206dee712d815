use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_private, goal_at, make_goal};
use crate::app::TestApp;

#[tokio::test]
async fn shows_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let goal = make_goal(&alice, "Read more", "month", json!({"progress": 40, "status": "active"})).await;
    let found = alice.get(&goal_at(&goal)).await;
    assert_eq!(found.status, 200, "{}", found.text);
    insta::assert_json_snapshot!(found.json(), {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let goal = make_goal(&alice, "Read more", "month", Value::Null).await;
    assert_private(&alice, &bob, &app.anon(), Method::GET, &goal_at(&goal), &Value::Null).await;
}
