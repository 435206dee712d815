use serde_json::json;

use super::{PATH, address, create, paragraph};
use crate::app::TestApp;

#[tokio::test]
async fn shows_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let note = create(&alice, &json!({"title": "Plans", "content": [paragraph("a", "Monday")]})).await;
    let found = alice.get(&address(&note)).await;
    assert_eq!(found.status, 200, "{}", found.text);
    insta::assert_json_snapshot!(found.json(), {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    let request = alice.request(reqwest::Method::GET, &address(&note)).header("if-none-match", found.header("etag"));
    assert_eq!(request.send().await.expect("an answer").status(), 304);
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let note = create(&alice, &json!({})).await;
    bob.get(&address(&note)).await.assert_problem(404, "not_found");
    app.anon().get(&address(&note)).await.assert_problem(401, "token_missing");
    alice.get(&format!("{PATH}/no-such-id")).await.assert_problem(404, "not_found");
}
