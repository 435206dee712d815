//! The provider cannot be reached, takes nothing, or never answers. The question is kept, the failure is told, and
//! nothing has to be done about it once the provider is back.

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

use super::reading::{Reading, ai_sdk_body, app_with_model, messages, parts, text, types};
use crate::app::{Actor, Answer, TestApp};
use crate::fakes::model::{ModelFake, Script};

/// The product with OpenAI at this address.
async fn app_with_openai(base_url: &str) -> TestApp {
    let settings = [("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", base_url)];
    TestApp::start_with([settings[0], settings[1], ("PROVIDER_FIRST_BYTE_TIMEOUT_MS", "300")]).await
}

/// A send ends in an error part, and its reply in this status; the question stays.
async fn check_told(actor: &Actor, chat: &str, status: &str, code: &str) {
    let reading = Reading::of_send(actor, &ai_sdk_body(chat, "m", "Hello")).await;
    let conversation = reading.conversation();
    let parts = parts(&reading.rest().await);
    let last = parts.last().expect("a part");
    assert_eq!((&last["type"], &last["code"]), (&json!("error"), &json!(code)), "{parts:?}");
    assert!(last["errorText"].as_str().is_some_and(|text| !text.is_empty() && !text.contains("127.0.0.1")), "{last}");
    let kept = messages(actor, &conversation).await;
    assert_eq!((kept.len(), &kept[0]["content"]), (2, &json!("Hello")));
    assert_eq!((&kept[1]["status"], &kept[1]["error_code"]), (&json!(status), &json!(code)));
}

/// The same question is answered now.
async fn check_answered(actor: &Actor, chat: &str) {
    let mut again = ai_sdk_body(chat, "m", "Hello");
    again["trigger"] = json!("regenerate-message");
    let parts = parts(&Reading::of_send(actor, &again).await.rest().await);
    assert_eq!((text(&parts).as_str(), types(&parts).last()), ("You said: Hello", Some(&"finish")));
}

async fn json_answer(actor: &Actor) -> Answer {
    let request = actor.request(Method::POST, "/api/chat").header("accept", "application/json");
    Answer::of(request.json(&json!({"content": "Hello"}))).await
}

/// An address where nobody listens.
async fn empty_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.and_then(|listener| listener.local_addr()).expect("a free port")
}

#[tokio::test]
async fn nobody_listens_and_then_somebody_does() {
    let address = empty_address().await;
    let app = app_with_openai(&format!("http://{address}/v1")).await;
    let alice = app.register("alice").await;
    check_told(&alice, "c", "failed", "provider_unavailable").await;
    json_answer(&alice).await.assert_problem(502, "provider_failed");
    let _fake = ModelFake::start_at(address).await;
    check_answered(&alice, "c").await;
}

#[tokio::test]
async fn its_name_is_unknown() {
    let app = app_with_openai("http://nobody.invalid/v1").await;
    let alice = app.register("alice").await;
    check_told(&alice, "c", "failed", "provider_unavailable").await;
}

#[tokio::test]
async fn it_speaks_no_tls() {
    let fake = ModelFake::start().await;
    let app = app_with_openai(&fake.base_url().replace("http:", "https:")).await;
    let alice = app.register("alice").await;
    check_told(&alice, "c", "failed", "provider_unavailable").await;
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn it_takes_the_connection_and_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    // With TLS the connection itself is never made.
    for scheme in ["http", "https"] {
        let app = app_with_openai(&format!("{scheme}://{address}/v1")).await;
        let alice = app.register("alice").await;
        check_told(&alice, "c", "interrupted", "provider_timeout").await;
        json_answer(&alice).await.assert_problem(504, "provider_timeout");
    }
}

#[tokio::test]
async fn it_answers_nobody_for_a_while() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    for (chat, status, code) in [("a", 500, "provider_unavailable"), ("b", 429, "provider_rate_limited")] {
        for _ in 0..3 {
            fake.enqueue(Script::status(status, &[("retry-after-ms", "1")], "<html>away</html>"));
        }
        check_told(&alice, chat, "failed", code).await;
        check_answered(&alice, chat).await;
    }
    assert_eq!(fake.requests().len(), 8, "each is tried three times, then left alone");
}

#[tokio::test]
async fn many_wait_at_once_and_none_is_lost() {
    let (app, fake) = app_with_model().await;
    let alice = app.register("alice").await;
    for _ in 0..36 {
        fake.enqueue(Script::status(503, &[("retry-after-ms", "5")], ""));
    }
    let sends = (0..12).map(|number| {
        let alice = alice.clone();
        async move {
            let body = ai_sdk_body(&format!("chat-{number}"), "m", "Hello");
            let reading = Reading::of_send(&alice, &body).await;
            let conversation = reading.conversation();
            let parts = parts(&reading.rest().await);
            assert_eq!(types(&parts).last(), Some(&"error"), "{parts:?}");
            messages(&alice, &conversation).await.len()
        }
    });
    let kept = futures_util::future::join_all(sends).await;
    assert_eq!(kept, vec![2; 12], "every question is kept, with what became of it");
    check_answered(&alice, "chat-0").await;
}
