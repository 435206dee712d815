use std::time::{Duration, Instant};

use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use super::speaking::{KEY, app_with_openai, hear, row_counts, said, spoken, until_refused, with};
use crate::app::{Answer, TestApp};
use crate::fakes::model::{End, Script};

const PATH: &str = "/api/conversation";

#[tokio::test]
async fn answers_in_one_piece() {
    let (app, fake) = app_with_openai().await;
    fake.enqueue(Script::new(["You have two meetings. ", "Shall I read them?"]));
    let answer = app.anon().post(PATH, &said("What is on today?")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_json_snapshot!(answer.json());
    assert_eq!(answer.header("ratelimit-policy"), "\"conversation\";q=60;w=60");
    assert!(answer.header("ratelimit").starts_with("\"conversation\";r=59;"));
}

#[tokio::test]
async fn speaks_sentence_by_sentence() {
    let (app, fake) = app_with_openai().await;
    let chunks = ["Good mor", "ning. You ha", "ve two meetings, e.g. ", "lunch! Sh", "all I read them?\n"];
    fake.enqueue(Script::new(chunks));
    let (answer, events) = hear(&app.anon(), &said("What is on today?")).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_json_snapshot!(events);
    fake.enqueue(Script::new(chunks));
    let whole = app.anon().post(PATH, &said("What is on today?")).await.json();
    assert_eq!(whole["response"], spoken(&events));
}

#[tokio::test]
async fn speech_starts_before_the_reply_has_ended() {
    let (app, fake) = app_with_openai().await;
    let gate = fake.gated(["First. ", "Second", " one."]);
    gate.release(2);
    let request = app.anon().request(Method::POST, PATH).json(&with(said("Go"), &json!({"stream": true})));
    let mut response = request.send().await.expect("the server answers");
    let mut heard = String::new();
    while !heard.contains("First. ") {
        let chunk = response.chunk().await.expect("the stream goes on").expect("a chunk");
        heard.push_str(std::str::from_utf8(&chunk).expect("text"));
    }
    assert!(!heard.contains("done"), "{heard}");
    gate.finish();
}

#[tokio::test]
async fn passes_the_history_and_the_model_on() {
    let (app, fake) = app_with_openai().await;
    let history = json!([{"role": "user", "content": "I am Alice."}, {"role": "assistant", "content": "Hello."}]);
    let body = with(said("Who am I?"), &json!({"history": history, "model": "gpt-own"}));
    assert_eq!(app.anon().post(PATH, &body).await.json()["model"], "gpt-own");
    hear(&app.anon(), &said("Who am I?")).await;
    let [own, default] = &fake.requests()[..] else { panic!("two requests") };
    assert_json_snapshot!("passes_its_own_model", own.body);
    assert_json_snapshot!("passes_the_default_model", default.body);
}

#[tokio::test]
async fn the_key_goes_to_openai_and_nowhere_else() {
    let (app, fake) = app_with_openai().await;
    let elsewhere = crate::fakes::model::ModelFake::start().await;
    let alice = app.register("alice").await;
    alice.post(PATH, &said("Hello")).await;
    hear(&alice, &said("Hello")).await;
    let target = format!("{}/chat/completions", elsewhere.base_url());
    fake.enqueue(Script::status(307, &[("location", &target), ("x-should-retry", "false")], ""));
    alice.post(PATH, &said("Hello")).await.assert_problem(502, "provider_failed");
    assert!(elsewhere.requests().is_empty(), "no redirect is followed");
    assert_eq!(fake.requests().len(), 3);
    for request in fake.requests() {
        assert_eq!(request.path, "/v1/chat/completions");
        assert_eq!(request.headers["authorization"], format!("Bearer {KEY}"), "neither Alice's token nor another key");
        assert!(!request.body.to_string().contains(KEY), "{}", request.body);
    }
}

#[tokio::test]
async fn names_every_bad_field() {
    let (app, fake) = app_with_openai().await;
    let anon = app.anon();
    let long = "x".repeat(32 * 1024 + 1);
    let turn = json!({"role": "user", "content": "Hi"});
    for (changes, pointer) in [
        (json!({"apiKey": ""}), "/apiKey"),
        (json!({"apiKey": 5}), "/apiKey"),
        (json!({"apiKey": {"value": KEY}}), "/apiKey"),
        (json!({"apiKey": "sk-two\nlines"}), "/apiKey"),
        (json!({"apiKey": "sk-schlüssel"}), "/apiKey"),
        (json!({"apiKey": "x".repeat(513)}), "/apiKey"),
        (json!({"message": ""}), "/message"),
        (json!({"message": " \n"}), "/message"),
        (json!({"message": 5}), "/message"),
        (json!({"message": long}), "/message"),
        (json!({"history": "Hi"}), "/history"),
        (json!({"history": vec![turn.clone(); 101]}), "/history"),
        (json!({"history": [turn, {"role": "user", "content": long}]}), "/history/1/content"),
        (json!({"history": [{"role": "system", "content": "Hi"}]}), "/history/0/role"),
        (json!({"history": [{"role": "user", "content": "Hi", "name": "x"}]}), "/history/0/name"),
        (json!({"model": ""}), "/model"),
        (json!({"model": "two words"}), "/model"),
        (json!({"model": "x".repeat(101)}), "/model"),
        (json!({"stream": "yes"}), "/stream"),
        (json!({"api_key": KEY}), "/api_key"),
        (json!({"temperature": 1}), "/temperature"),
    ] {
        let answer = anon.post(PATH, &with(said("Hello"), &changes)).await;
        assert_eq!(answer.status, 422, "{pointer}: {}", answer.text);
        answer.assert_invalid(pointer);
    }
    for missing in ["apiKey", "message"] {
        let answer = anon.post(PATH, &with(said("Hello"), &json!({missing: null}))).await;
        answer.assert_invalid(&format!("/{missing}"));
    }
    assert!(fake.requests().is_empty(), "nothing is asked of OpenAI");
}

#[tokio::test]
async fn each_address_has_its_own_limit() {
    let (app, fake) = app_with_openai().await;
    let (anon, began) = (app.anon(), Instant::now());
    let (admitted, refused) = until_refused(&anon, PATH, &said("Hello"), "203.0.113.1").await;
    let regained = began.elapsed().as_secs() + 1;
    assert!((60..=60 + regained).contains(&admitted), "{admitted} in {regained} s");
    let problem = refused.assert_problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(problem["retry_after_seconds"], 1);
    assert!(refused.header("ratelimit").starts_with("\"conversation\";r=0;"), "{:?}", refused.headers);
    assert_eq!(fake.requests().len(), usize::try_from(admitted).expect("a few"), "a refused call reaches nobody");
    // What a client writes before the proxy's own word does not count.
    let (admitted, _) = until_refused(&anon, PATH, &said("Hello"), "203.0.113.9, 203.0.113.1").await;
    assert!(admitted < 60, "{admitted}");
    let (admitted, _) = until_refused(&anon, PATH, &said("Hello"), "203.0.113.2").await;
    assert!(admitted >= 60, "another address has its own: {admitted}");
    app.clock.advance(Duration::from_mins(1));
    let (admitted, _) = until_refused(&anon, PATH, &said("Hello"), "203.0.113.1").await;
    assert!(admitted >= 60, "{admitted}");
}

#[tokio::test]
async fn stores_nothing() {
    let (app, fake) = app_with_openai().await;
    let alice = app.register("alice").await;
    let before = row_counts(&app).await;
    alice.post(PATH, &said("Hello")).await;
    hear(&alice, &said("Hello")).await;
    fake.enqueue(Script::words("One two").end(End::CutBefore(1)));
    hear(&alice, &said("Hello")).await;
    fake.enqueue(Script::status(401, &[], "{}"));
    alice.post(PATH, &said("Hello")).await.assert_problem(401, "api_key_refused");
    alice.post("/api/conversation/session", &json!({"apiKey": KEY})).await;
    assert_eq!(row_counts(&app).await, before);
}

#[tokio::test]
async fn browsers_may_call_from_configured_origins_only() {
    let (app, _fake) = app_with_openai().await;
    assert_eq!(allowed_origin(&app, "https://app.example").await, "https://app.example");
    for other in ["https://app.example.evil", "http://app.example", "null", ""] {
        assert_eq!(allowed_origin(&app, other).await, "", "{other}");
    }
}

async fn allowed_origin(app: &TestApp, origin: &str) -> String {
    let request = app.anon().request(Method::POST, PATH).header("origin", origin).json(&said("Hello"));
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-credentials"), "", "nothing rests on cookies");
    answer.header("access-control-allow-origin").to_owned()
}

#[tokio::test]
async fn the_log_line_tells_the_model_and_the_tokens() {
    let (app, fake) = app_with_openai().await;
    let process = crate::process::Process::start(&app, [("OPENAI_BASE_URL", &*fake.base_url())]).await;
    let anon = process.seen_by(&app.anon());
    for stream in [false, true] {
        let answer = anon.post(PATH, &with(said("Hello"), &json!({"stream": stream, "model": "gpt-own"}))).await;
        let line = process.line_of(answer.header("x-request-id")).await;
        let told = ["route", "status", "model", "input_tokens", "output_tokens"].map(|name| line[name].clone());
        let expected: [Value; 5] = [PATH.into(), 200.into(), "openai/gpt-own".into(), 7.into(), 5.into()];
        assert_eq!(told, expected, "{line}");
    }
}
