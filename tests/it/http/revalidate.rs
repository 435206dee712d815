//! A GET that was answered before is answered 304 until something changes.

use reqwest::Method;
use serde_json::json;

use crate::app::{Actor, Answer, TestApp};

async fn get_if_changed(actor: &Actor, path: &str, known: &str) -> Answer {
    Answer::of(actor.request(Method::GET, path).header("if-none-match", known)).await
}

#[tokio::test]
async fn an_unchanged_answer_is_not_sent_again() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first = alice.get("/api/users/me").await;
    let tag = first.header("etag");
    assert!(tag.len() > 10 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    assert_eq!(first.header("cache-control"), "private, no-cache");
    for known in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = get_if_changed(&alice, "/api/users/me", &known).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""), "{known}");
        assert_eq!(again.header("etag"), tag);
        assert_eq!(again.header("cache-control"), "private, no-cache");
    }
    assert_eq!(get_if_changed(&alice, "/api/users/me", "\"other\"").await.text, first.text);
}

#[tokio::test]
async fn a_change_is_seen_at_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let tag = alice.get("/api/users/me").await.header("etag").to_owned();
    assert_eq!(alice.put("/api/users/me", &json!({"full_name": "Alice Liddell"})).await.status, 200);
    let answer = get_if_changed(&alice, "/api/users/me", &tag).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["full_name"]), (200, &json!("Alice Liddell")));
    assert_ne!(answer.header("etag"), tag);
}

#[tokio::test]
async fn a_tag_opens_nothing() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    let tag = alice.get("/api/users/me").await.header("etag").to_owned();
    assert_eq!(get_if_changed(&bob, "/api/users/me", &tag).await.status, 200);
    assert_eq!(get_if_changed(&app.anon(), "/api/users/me", &tag).await.status, 401);
    assert_eq!(get_if_changed(&app.anon(), "/api/users/me", "*").await.status, 401);
}

#[tokio::test]
async fn a_write_answers_with_the_tag_of_what_it_leaves() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let write = || alice.request(Method::PUT, "/api/users/me").header("idempotency-key", "once");
    let written = Answer::of(write().json(&json!({"full_name": "A"}))).await;
    let read = alice.get("/api/users/me").await;
    assert_ne!(read.header("etag"), "");
    assert_eq!(written.header("etag"), read.header("etag"));
    let again = Answer::of(write().json(&json!({"full_name": "A"}))).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("etag"), read.header("etag"));
    assert_eq!(again.header("action-group"), written.header("action-group"));
}

#[tokio::test]
async fn problems_have_no_tag() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let answers = [alice.get("/api/nothing").await, alice.get("/api/users").await];
    assert!(answers.iter().all(|answer| answer.header("etag").is_empty()), "{answers:?}");
}
