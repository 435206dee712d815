use std::time::Instant;

use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::json;

use super::speaking::{KEY, app_with_openai, until_refused, with};
use crate::app::Answer;
use crate::fakes::model::Script;

const PATH: &str = "/api/conversation/session";

#[tokio::test]
async fn mints_a_secret() {
    let (app, _fake) = app_with_openai().await;
    let answer = app.anon().post(PATH, &json!({"apiKey": KEY})).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_json_snapshot!(answer.json());
}

#[tokio::test]
async fn the_server_fixes_the_settings() {
    let (app, fake) = app_with_openai().await;
    app.anon().post(PATH, &json!({"apiKey": KEY})).await;
    for wish in [json!({"model": "gpt-dear"}), json!({"session": {"model": "gpt-dear"}}), json!({"voice": "ash"})] {
        let name = wish.as_object().and_then(|wish| wish.keys().next()).expect("one field");
        app.anon().post(PATH, &with(json!({"apiKey": KEY}), &wish)).await.assert_invalid(&format!("/{name}"));
    }
    let [request] = &fake.requests()[..] else { panic!("one request") };
    assert_eq!(request.path, "/v1/realtime/client_secrets");
    assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"));
    assert_json_snapshot!(request.body);
}

#[tokio::test]
async fn takes_a_key_only() {
    let (app, fake) = app_with_openai().await;
    for key in [json!(""), json!(7), json!([KEY]), json!("sk-two\nlines"), json!("x".repeat(513))] {
        app.anon().post(PATH, &json!({"apiKey": key})).await.assert_invalid("/apiKey");
    }
    app.anon().post(PATH, &json!({})).await.assert_problem(422, "invalid");
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn a_nonsense_answer_is_a_problem() {
    let (app, fake) = app_with_openai().await;
    for body in ["", "{}", r#"{"value": 5, "expires_at": 1}"#, r#"{"value": "ek_1", "expires_at": 1e30}"#] {
        fake.enqueue(Script::status(200, &[("content-type", "application/json")], body));
        app.anon().post(PATH, &json!({"apiKey": KEY})).await.assert_problem(502, "provider_failed");
    }
}

#[tokio::test]
async fn each_address_has_its_own_limit() {
    let (app, fake) = app_with_openai().await;
    let (anon, began, body) = (app.anon(), Instant::now(), json!({"apiKey": KEY}));
    let (admitted, refused) = until_refused(&anon, PATH, &body, "203.0.113.1").await;
    let regained = began.elapsed().as_secs() / 6 + 1;
    assert!((10..=10 + regained).contains(&admitted), "{admitted}");
    let problem = refused.assert_problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), problem["retry_after_seconds"].to_string());
    assert_eq!(fake.requests().len(), usize::try_from(admitted).expect("a few"));
    let (admitted, _) = until_refused(&anon, PATH, &body, "203.0.113.2").await;
    assert!(admitted >= 10, "another address has its own: {admitted}");
}

#[tokio::test]
async fn browsers_may_call_from_configured_origins_only() {
    let (app, _fake) = app_with_openai().await;
    for (origin, allowed) in [("https://app.example", "https://app.example"), ("https://other.example", "")] {
        let request = app.anon().request(Method::POST, PATH).header("origin", origin).json(&json!({"apiKey": KEY}));
        assert_eq!(Answer::of(request).await.header("access-control-allow-origin"), allowed);
    }
}
