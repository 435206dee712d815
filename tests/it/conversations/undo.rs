//! What is done to conversations can be undone, links included.

use reqwest::Method;
use serde_json::json;

use super::{address, delete, link_of, messages, say, share};
use crate::app::{Actor, Answer, TestApp};

async fn undo(actor: &Actor, write: &Answer) {
    let group = write.header("action-group");
    let undone = Answer::of(actor.request(Method::POST, &format!("/api/undo/{group}"))).await;
    assert!(undone.status.is_success(), "{}", undone.text);
}

#[tokio::test]
async fn a_deleted_conversation_comes_back_with_its_links() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = address(&say(&alice, "Plan").await);
    let link = link_of(&share(&alice, &address, &json!({})).await);
    let (before, said) = (alice.get(&address).await.json(), messages(&alice, &address).await);
    let deleted = delete(&alice, &address).await;
    app.anon().get(&link).await.assert_problem(404, "not_found");
    undo(&alice, &deleted).await;
    assert_eq!(alice.get(&address).await.json(), before);
    assert_eq!(messages(&alice, &address).await, said);
    assert_eq!(app.anon().get(&link).await.status, 200);
}

#[tokio::test]
async fn a_link_that_is_undone_is_dead() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let address = address(&say(&alice, "Plan").await);
    let shared = alice.post(&format!("{address}/shares"), &json!({})).await;
    undo(&alice, &shared).await;
    app.anon().get(&link_of(&shared.json())).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn an_import_is_undone_as_a_whole() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let file = include_str!("chatgpt_export.json");
    let imported = Answer::of(alice.request(Method::POST, "/api/conversations/import").body(file)).await;
    assert_eq!(imported.json()["imported"], 4);
    undo(&alice, &imported).await;
    for path in ["/api/conversations", "/api/conversations?archived=true", "/api/chat/history"] {
        assert_eq!(alice.get(path).await.json(), json!([]), "{path}");
    }
}
