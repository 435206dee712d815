use reqwest::Method;
use serde_json::Value;

use super::{assert_private, make_reflection, reflection_at};
use crate::app::TestApp;

#[tokio::test]
async fn shows_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let made = make_reflection(&alice, "monthly", "2026-11-21", "  Kept as it is.\n").await;
    let found = alice.get(&reflection_at(&made)).await;
    assert_eq!(found.status, 200, "{}", found.text);
    insta::assert_json_snapshot!(found.json(), {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let made = make_reflection(&alice, "daily", "2026-11-21", "text").await;
    assert_private(&alice, &bob, &app.anon(), Method::GET, &reflection_at(&made), &Value::Null).await;
}
