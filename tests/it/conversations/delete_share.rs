use reqwest::Method;
use serde_json::json;

use super::{address, delete, link_of, say, share, twice};
use crate::app::TestApp;

#[tokio::test]
async fn a_revoked_link_is_dead_at_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = address(&say(&alice, "Plan").await);
    let (revoked, kept) = (share(&alice, &address, &json!({})).await, share(&alice, &address, &json!({})).await);
    let other_process = app.second_process().await;
    for process in [&app, &other_process] {
        assert_eq!(process.anon().get(&link_of(&revoked)).await.status, 200);
    }
    let path = format!("{address}/shares/{}", revoked["id"].as_str().expect("an id"));
    twice(&alice, Method::DELETE, &path, &json!({})).await;
    for process in [&app, &other_process] {
        process.anon().get(&link_of(&revoked)).await.assert_problem(404, "not_found");
        assert_eq!(process.anon().get(&link_of(&kept)).await.status, 200, "the other link lives");
    }
    delete(&alice, &path).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let (one, other) = (address(&say(&alice, "One").await), address(&say(&alice, "Other").await));
    let link = share(&alice, &one, &json!({})).await;
    let id = link["id"].as_str().expect("an id");
    delete(&bob, &format!("{one}/shares/{id}")).await.assert_problem(404, "not_found");
    let bobs = address(&say(&bob, "Mine").await);
    delete(&bob, &format!("{bobs}/shares/{id}")).await.assert_problem(404, "not_found");
    delete(&alice, &format!("{other}/shares/{id}")).await.assert_problem(404, "not_found");
    delete(&alice, &format!("{one}/shares/no-id")).await.assert_problem(404, "not_found");
    delete(&app.anon(), &format!("{one}/shares/{id}")).await.assert_problem(401, "token_missing");
    assert_eq!(app.anon().get(&link_of(&link)).await.status, 200);
}
