use reqwest::Method;
use serde_json::{Value, json};

use super::{CONSENTS, put_once};
use crate::app::{Answer, TestApp};

fn choices(of: &[(&str, &str, bool)]) -> Value {
    let choice = |(purpose, version, granted): &_| json!({"purpose": purpose, "version": version, "granted": granted});
    json!({"consents": of.iter().map(choice).collect::<Vec<_>>()})
}

fn decisions(answer: &Answer) -> Vec<usize> {
    let body = answer.json();
    let consents = body["consents"].as_array().expect("a list").iter();
    consents.map(|consent| consent["history"].as_array().expect("a list").len()).collect()
}

#[tokio::test]
async fn records_what_differs_and_keeps_what_was() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let first = alice.put(CONSENTS, &choices(&[("terms", "2026-11-01", true), ("ai_processing", "1", false)])).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(decisions(&first), [1, 1]);
    // The same again is no decision, a new version is one, and what is left out stays.
    let second = alice.put(CONSENTS, &choices(&[("terms", "2026-12-01", true), ("ai_processing", "1", false)])).await;
    assert_eq!(decisions(&second), [1, 2]);
    let third = alice.put(CONSENTS, &choices(&[("terms", "2026-12-01", false)])).await;
    insta::assert_json_snapshot!(third.json(), { ".**.decided_at" => "[time]" });
    assert_eq!(alice.get(CONSENTS).await.text, third.text);
}

#[tokio::test]
async fn a_key_makes_it_happen_once() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let yes = choices(&[("terms", "1", true)]);
    let first = put_once(&alice, CONSENTS, "key", &yes).await;
    assert_eq!(alice.put(CONSENTS, &choices(&[("terms", "1", false)])).await.status, 200);
    let again = put_once(&alice, CONSENTS, "key", &yes).await;
    assert_eq!((again.text.as_str(), again.header("idempotency-replayed")), (first.text.as_str(), "true"));
    assert_eq!(alice.get(CONSENTS).await.json()["consents"][0]["granted"], false);
}

#[tokio::test]
async fn a_decision_is_not_undone() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let decided = alice.put(CONSENTS, &choices(&[("terms", "1", true)])).await;
    let undo = format!("/api/undo/{}", decided.header("action-group"));
    alice.post(&undo, &Value::Null).await.assert_problem(409, "not_undoable");
    assert_eq!(alice.get(CONSENTS).await.text, decided.text);
}

#[tokio::test]
async fn names_the_field_that_is_wrong() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for (body, pointer) in [
        (json!({}), "/consents"),
        (choices(&[("terms", "1", true), ("terms", "2", true)]), "/consents/1/purpose"),
        (choices(&[("", "1", true)]), "/consents/0/purpose"),
        (choices(&[("terms", &"2".repeat(51), true)]), "/consents/0/version"),
        (json!({"consents": [{"purpose": "terms", "version": "1"}]}), "/consents/0/granted"),
        (json!({"consents": [], "revoked": []}), "/revoked"),
        (json!({"consents": vec![json!({"purpose": "a", "version": "1", "granted": true}); 101]}), "/consents"),
    ] {
        alice.put(CONSENTS, &body).await.assert_invalid(pointer);
    }
    assert_eq!(alice.get(CONSENTS).await.json(), json!({"consents": []}), "all at once, or nothing");
}

#[tokio::test]
async fn purposes_are_bounded() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let names: Vec<String> = (0..100).map(|number| format!("purpose {number}")).collect();
    let all: Vec<_> = names.iter().map(|name| (name.as_str(), "1", true)).collect();
    assert_eq!(alice.put(CONSENTS, &choices(&all)).await.status, 200);
    alice.put(CONSENTS, &choices(&[("one more", "1", true)])).await.assert_problem(409, "too_many_purposes");
    assert_eq!(alice.put(CONSENTS, &choices(&[("purpose 7", "2", true)])).await.status, 200);
}

#[tokio::test]
async fn needs_a_token() {
    let app = TestApp::start().await;
    let answer = Answer::of(app.anon().request(Method::PUT, CONSENTS).json(&choices(&[]))).await;
    answer.assert_problem(401, "token_missing");
}
