use serde_json::json;

use super::{NOTHING, PATH, address, create};
use crate::app::TestApp;

#[tokio::test]
async fn shows_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let task = create(&alice, &json!({"title": "Buy milk", "due_date": "2026-12-01"})).await;
    let found = alice.get(&address(&task)).await;
    assert_eq!((found.status.as_u16(), found.json()), (200, task));
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let task = create(&alice, &json!({"title": "Buy milk"})).await;
    bob.get(&address(&task)).await.assert_problem(404, "not_found");
    app.anon().get(&address(&task)).await.assert_problem(401, "token_missing");
    alice.get(&format!("{PATH}/{NOTHING}")).await.assert_problem(404, "not_found");
    alice.get(&format!("{PATH}/milk")).await.assert_problem(404, "not_found");
}
