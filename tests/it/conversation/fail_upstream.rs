//! What the caller of the voice proxy learns when OpenAI fails. A reply that broke off never looks whole.

use serde_json::{Value, json};

use super::speaking::{app_with_openai, hear, said, spoken, with};
use super::upstream::{Then, Upstream};
use crate::app::TestApp;
use crate::fakes::model::{End, Script};

const PATH: &str = "/api/conversation";
/// Spares the test the waits between tries.
const ONCE: (&str, &str) = ("x-should-retry", "false");

#[tokio::test]
async fn a_refusal_before_the_reply_is_a_problem() {
    let (app, fake) = app_with_openai().await;
    let error = json!({"error": {"type": "some_error", "message": "What OpenAI says."}}).to_string();
    for (upstream, status, code) in [
        (400, 422, "provider_refused"),
        (401, 401, "api_key_refused"),
        (403, 401, "api_key_refused"),
        (404, 422, "provider_refused"),
        (429, 429, "rate_limited"),
        (500, 502, "provider_failed"),
        (503, 503, "provider_overloaded"),
        (504, 504, "provider_timeout"),
    ] {
        for (path, body) in [
            (PATH, said("Hello")),
            (PATH, with(said("Hello"), &json!({"stream": true}))),
            ("/api/conversation/session", json!({"apiKey": "sk-x"})),
        ] {
            fake.enqueue(Script::status(upstream, &[ONCE], &error));
            let problem = app.anon().post(path, &body).await.assert_problem(status, code);
            let is_told = problem["detail"].as_str().is_some_and(|detail| detail.contains("What OpenAI says."));
            assert_eq!(is_told, status == 422, "only what is wrong with the request is passed on: {problem}");
        }
    }
}

#[tokio::test]
async fn the_wait_that_openai_asks_for_is_passed_on() {
    let (app, fake) = app_with_openai().await;
    for stream in [false, true] {
        fake.enqueue(Script::status(429, &[("retry-after", "20")], "{}"));
        let answer = app.anon().post(PATH, &with(said("Hello"), &json!({"stream": stream}))).await;
        let problem = answer.assert_problem(429, "rate_limited");
        assert_eq!((answer.header("retry-after"), &problem["retry_after_seconds"]), ("20", &json!(20)));
    }
    assert_eq!(fake.requests().len(), 2, "nobody waits that long with an open connection");
}

#[tokio::test]
async fn a_failure_before_the_first_word_is_tried_again() {
    let (app, fake) = app_with_openai().await;
    fake.enqueue(Script::status(500, &[], ""));
    fake.enqueue(Script::words("Here I am."));
    let (_, events) = hear(&app.anon(), &said("Hello")).await;
    assert_eq!(spoken(&events), "Here I am.");
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn a_broken_reply_ends_in_an_error_event() {
    let (app, fake) = app_with_openai().await;
    for (end, code) in [
        (End::CutBefore(3), "interrupted"),
        (End::NoTerminator, "interrupted"),
        (End::InStreamError, "interrupted"),
        (End::Stall, "timeout"),
        (End::Malformed, "malformed"),
    ] {
        fake.enqueue(Script::new(["One. ", "Two. ", "Thr"]).end(end.clone()));
        let (_, events) = hear(&app.anon(), &said("Count")).await;
        let types: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
        assert_eq!(types, ["start", "sentence", "sentence", "sentence", "error"], "{end:?}");
        assert_eq!(spoken(&events), "One. Two. Thr", "what came is spoken, {end:?}");
        assert_eq!(events[4]["code"], code, "{end:?}");
    }
    assert_eq!(fake.requests().len(), 5, "a reply that has begun is not asked for again");
}

#[tokio::test]
async fn a_stall_before_the_first_word_is_a_problem() {
    let (app, fake) = app_with_openai().await;
    fake.enqueue(Script::new([""; 0]).end(End::Stall));
    let answer = app.anon().post(PATH, &with(said("Hello"), &json!({"stream": true}))).await;
    answer.assert_problem(504, "provider_timeout");
}

#[tokio::test]
async fn an_answer_in_one_piece_may_break_too() {
    let begun = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"choices\":";
    let nonsense = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for (answer, then, status, code) in [
        (begun, Then::HangUp, 502, "provider_failed"),
        (begun, Then::Silence, 504, "provider_timeout"),
        (nonsense, Then::Silence, 502, "provider_failed"),
        ("not HTTP\r\n\r\n", Then::HangUp, 502, "provider_failed"),
    ] {
        let upstream = Upstream::start(answer, then).await;
        let settings = [("OPENAI_BASE_URL", &*upstream.base_url()), ("PROVIDER_IDLE_TIMEOUT_MS", "300")];
        let app = TestApp::start_with(settings).await;
        app.anon().post(PATH, &said("Hello")).await.assert_problem(status, code);
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_a_problem() {
    let app = TestApp::start_with([("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")]).await;
    app.anon().post(PATH, &said("Hello")).await.assert_problem(502, "provider_failed");
}
