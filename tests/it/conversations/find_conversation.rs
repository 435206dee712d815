use super::{address, say};
use crate::app::TestApp;

#[tokio::test]
async fn shows_one() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let reply = say(&alice, "Plan my morning").await;
    let found = alice.get(&address(&reply)).await;
    assert_eq!(found.status, 200, "{}", found.text);
    insta::assert_json_snapshot!(found.json(), {
        ".id" => "[id]", ".head_id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]",
    });
    assert_eq!(found.json()["head_id"], reply["id"]);
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let address = address(&say(&alice, "Plan my morning").await);
    bob.get(&address).await.assert_problem(404, "not_found");
    app.anon().get(&address).await.assert_problem(401, "token_missing");
    alice.get("/api/conversations/no-such-name").await.assert_problem(404, "not_found");
}
