use super::{address, say};
use crate::app::TestApp;

#[tokio::test]
async fn shows_only_this_conversations_newest_first() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let reply = say(&alice, "Plan my morning").await;
    say(&alice, "Something else").await;
    let path = format!("{}/messages", address(&reply));
    let page = alice.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    insta::assert_json_snapshot!(page.json(), {
        "[].id" => "[id]", "[].conversation_id" => "[id]", "[].parent_id" => "[id]",
        "[].created_at" => "[time]", "[].updated_at" => "[time]",
    });
    let newest = alice.get(&format!("{path}?limit=1")).await;
    assert_eq!(newest.json()[0], page.json()[0]);
    assert_eq!(
        newest.header("link"),
        format!("<{path}?limit=1&before={}>; rel=\"next\"", reply["id"].as_str().unwrap())
    );
    let older = alice.get(&format!("{path}?before={}", reply["id"].as_str().unwrap())).await;
    assert_eq!(older.json()[0], page.json()[1]);
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let path = format!("{}/messages", address(&say(&alice, "Plan my morning").await));
    bob.get(&path).await.assert_problem(404, "not_found");
    app.anon().get(&path).await.assert_problem(401, "token_missing");
}
