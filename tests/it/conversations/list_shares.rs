use serde_json::{Value, json};

use super::{address, say, share};
use crate::app::TestApp;

#[tokio::test]
async fn shows_links_newest_first_without_their_tokens() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = address(&say(&alice, "Plan").await);
    share(&alice, &address, &json!({})).await;
    let newest = share(&alice, &address, &json!({"expires_at": "2030-01-01T00:00:00Z"})).await;
    let page = alice.get(&format!("{address}/shares")).await;
    insta::assert_json_snapshot!(page.json(), {
        "[].id" => "[id]", "[].conversation_id" => "[id]", "[].until_message_id" => "[id]", "[].created_at" => "[time]",
    });
    assert!(!page.text.contains(newest["token"].as_str().expect("a token")));
    let first = alice.get(&format!("{address}/shares?limit=1")).await;
    assert_eq!(first.json()[0]["id"], newest["id"]);
    let link = first.header("link").strip_prefix('<').and_then(|link| link.split_once('>')).expect("another page").0;
    let rest = alice.get(link).await.json();
    assert_eq!((rest.as_array().map(Vec::len), &rest[0]), (Some(1), &page.json()[1]));
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let address = address(&say(&alice, "Plan").await);
    let path = format!("{address}/shares");
    assert_eq!(alice.get(&path).await.json(), Value::Array(Vec::new()));
    bob.get(&path).await.assert_problem(404, "not_found");
    app.anon().get(&path).await.assert_problem(401, "token_missing");
}
