use reqwest::Method;
use serde_json::json;

use super::{address, delete, link_of, say, share, twice};
use crate::app::TestApp;

#[tokio::test]
async fn it_is_gone_with_all_that_was_in_it() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = address(&say(&alice, "Plan my morning").await);
    let kept = say(&alice, "Kept").await;
    let link = link_of(&share(&alice, &address, &json!({})).await);
    assert_eq!(app.anon().get(&link).await.status, 200);
    let deleted = delete(&alice, &address).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    alice.get(&address).await.assert_problem(404, "not_found");
    alice.get(&format!("{address}/messages")).await.assert_problem(404, "not_found");
    delete(&alice, &address).await.assert_problem(404, "not_found");
    app.anon().get(&link).await.assert_problem(404, "not_found");
    let history = alice.get("/api/chat/history").await.json();
    let history = history.as_array().expect("a list");
    assert!(history.iter().all(|message| message["conversation_id"] == kept["conversation_id"]), "{history:?}");
}

#[tokio::test]
async fn a_key_answers_again() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first = address(&say(&alice, "One").await);
    let second = address(&say(&alice, "Two").await);
    twice(&alice, Method::DELETE, &first, &json!({})).await;
    let request = alice.request(Method::DELETE, &second).header("idempotency-key", "once");
    crate::app::Answer::of(request).await.assert_problem(422, "idempotency_key_reused");
    assert_eq!(alice.get(&second).await.status, 200);
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let address = address(&say(&alice, "Plan").await);
    delete(&bob, &address).await.assert_problem(404, "not_found");
    delete(&app.anon(), &address).await.assert_problem(401, "token_missing");
    assert_eq!(alice.get(&address).await.status, 200);
}
