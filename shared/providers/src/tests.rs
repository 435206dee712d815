//! Tests over HTTP against the product's own fake.

#[path = "../../../tests/it/fakes/model.rs"]
mod model;

use std::time::Duration;

use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use self::model::{End, ModelFake, Script};
use crate::realtime::RealtimeSettings;
use crate::*;

const KEY: &str = "alm-key-0123456789";

fn limits() -> CallLimits {
    CallLimits {
        backoff_first: Duration::from_millis(1),
        chunk_idle_timeout: Duration::from_millis(200),
        ..CallLimits::default()
    }
}

#[expect(clippy::disallowed_methods, reason = "this crate does not depend on base, which has the shared client")]
fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

fn openai(fake: &ModelFake) -> OpenAiClient {
    OpenAiClient::new(http(), &format!("{}/", fake.base_url()), Some(SecretString::from(KEY))).with_limits(limits())
}

/// Both protocols' clients, since most promises hold for both.
fn both(fake: &ModelFake) -> [ChatModel; 2] {
    let anthropic = AnthropicClient::new(http(), &fake.base_url(), Some(SecretString::from(KEY)));
    [ChatModel::OpenAi(openai(fake)), ChatModel::Anthropic(anthropic.with_limits(limits()))]
}

fn prompt(text: &str) -> ChatPrompt {
    let turns = vec![Turn { role: Role::User, text: text.to_owned() }];
    ChatPrompt { model: "m".to_owned(), system: Some("Be kind.".to_owned()), turns, output_tokens_max: None }
}

/// The text, the last usage, and how it ended.
async fn collect(mut stream: ReplyStream) -> (String, Option<TokenUsage>, Result<FinishReason, ProviderError>) {
    let (mut text, mut usage, mut end) = (String::new(), None, None);
    while let Some(event) = stream.next().await {
        assert!(end.is_none(), "something came after the end");
        match event {
            Ok(ReplyEvent::Text(piece)) => text.push_str(&piece),
            Ok(ReplyEvent::Reasoning(_)) => {}
            Ok(ReplyEvent::Usage(counts)) => usage = Some(counts),
            Ok(ReplyEvent::Finished(reason)) => end = Some(Ok(reason)),
            Err(error) => end = Some(Err(error)),
        }
    }
    (text, usage, end.expect("every stream has an end"))
}

#[tokio::test]
async fn streams_a_whole_reply() {
    let fake = ModelFake::start().await;
    for model in both(&fake) {
        let (text, usage, end) = collect(model.stream(&prompt("hello")).await.unwrap()).await;
        assert_eq!(text, "You said: hello");
        assert_eq!(usage, Some(TokenUsage { input_tokens: 7, output_tokens: 5 }));
        assert_eq!(end.unwrap(), FinishReason::Stop);
    }
    let [chat, messages] = fake.requests().try_into().unwrap();
    assert_eq!(chat.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(chat.body["stream_options"], json!({"include_usage": true}));
    assert_eq!(chat.body["messages"][0], json!({"role": "system", "content": "Be kind."}));
    assert_eq!(messages.headers["x-api-key"], KEY);
    assert_eq!((&messages.body["system"], &messages.body["max_tokens"]), (&json!("Be kind."), &json!(4096)));
}

#[tokio::test]
async fn a_truncated_reply_is_an_error_with_its_text() {
    let fake = ModelFake::start().await;
    let ends = [
        (End::CutBefore(1), ProviderErrorKind::Interrupted, "One "),
        (End::NoTerminator, ProviderErrorKind::Interrupted, "One two"),
        (End::InStreamError, ProviderErrorKind::Interrupted, "One two"),
        (End::Stall, ProviderErrorKind::Timeout, "One two"),
        (End::Malformed, ProviderErrorKind::Malformed, "One two"),
    ];
    for (end, kind, expected) in ends {
        for model in both(&fake) {
            // The pause keeps a cut from overtaking the text before it.
            fake.enqueue(Script::words("One two").pause(Duration::from_millis(20)).end(end.clone()));
            let (text, _, result) = collect(model.stream(&prompt("hello")).await.unwrap()).await;
            assert_eq!((text.as_str(), result.unwrap_err().kind()), (expected, kind), "{end:?}");
        }
    }
    assert_eq!(fake.requests().len(), 10, "nothing is retried once a reply has begun");
}

#[tokio::test]
async fn retries_before_the_first_event_only_what_may_pass() {
    let fake = ModelFake::start().await;
    for model in both(&fake) {
        fake.enqueue(Script::status(529, &[], "busy"));
        fake.enqueue(Script::status(400, &[("x-should-retry", "true"), ("retry-after-ms", "1")], "{}"));
        assert!(collect(model.stream(&prompt("x")).await.unwrap()).await.2.is_ok());
    }
    assert_eq!(fake.requests().len(), 6);
    let model = &both(&fake)[0];
    let check = async |scripts: Vec<Script>, kind, calls| {
        let before = fake.requests().len();
        for script in scripts {
            fake.enqueue(script);
        }
        let error = model.stream(&prompt("x")).await.unwrap_err();
        assert_eq!((error.kind(), fake.requests().len() - before), (kind, calls));
        error
    };
    check(vec![Script::status(503, &[], ""); 3], ProviderErrorKind::Overloaded, 3).await;
    check(vec![Script::words("x").end(End::CutBefore(0)); 3], ProviderErrorKind::Unavailable, 3).await;
    check(vec![Script::new([""; 0]).end(End::NoTerminator); 3], ProviderErrorKind::Interrupted, 3).await;
    check(vec![Script::status(500, &[("x-should-retry", "false")], "")], ProviderErrorKind::Unavailable, 1).await;
    check(vec![Script::status(401, &[], "")], ProviderErrorKind::Unauthorized, 1).await;
    let error = check(vec![Script::status(429, &[("retry-after", "60")], "")], ProviderErrorKind::RateLimited, 1).await;
    assert_eq!((error.retry_after(), error.status()), (Some(Duration::from_mins(1)), Some(429)));
}

#[tokio::test]
async fn an_echoed_key_is_in_no_message() {
    let fake = ModelFake::start().await;
    let body =
        json!({"error": {"type": "invalid_request_error", "message": format!("no model for {KEY}")}}).to_string();
    for status in [400, 401, 500] {
        for model in both(&fake) {
            (0..3).for_each(|_| fake.enqueue(Script::status(status, &[("retry-after-ms", "1")], &body)));
            let error = model.stream(&prompt("x")).await.unwrap_err();
            let printed = format!("{error} {error:?} {model:?}");
            assert!(!printed.contains(KEY), "{printed}");
            assert_eq!(printed.contains("no model for [redacted]"), status == 400);
            // Final errors leave scripts behind, which would answer the next call.
            while fake.requests().len() % 3 != 0 {
                let _ = model.stream(&prompt("x")).await;
            }
        }
    }
}

#[tokio::test]
async fn a_reply_that_comes_steadily_has_an_end_too() {
    let fake = ModelFake::start().await;
    let limits = CallLimits { reply_time_max: Duration::from_millis(500), ..limits() };
    let endless = Script::new(["on and "; 1_000]).pause(Duration::from_millis(50));
    fake.enqueue(endless);
    let stream = openai(&fake).with_limits(limits).stream(&prompt("x")).await.unwrap();
    let (text, _, end) = collect(stream).await;
    assert!(text.starts_with("on and ") && text.len() < 7_000, "{text}");
    assert_eq!(end.unwrap_err().kind(), ProviderErrorKind::Timeout);
}

#[tokio::test]
async fn leaving_a_reply_ends_the_call() {
    let fake = ModelFake::start().await;
    let gate = fake.gated(["One ", "two"]);
    gate.release(1);
    let stream = openai(&fake).stream(&prompt("x")).await.unwrap();
    drop(stream);
    fake.wait_for_requests(1).await;
    fake.wait_for_closed(1).await;
    drop(gate);
}

#[tokio::test]
async fn completes_in_one_piece_and_mints_a_secret() {
    let fake = ModelFake::start().await;
    let reply = openai(&fake).complete(&prompt("hello")).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.model.as_str()), ("You said: hello", "m"));
    let voice = Some("marin".to_owned());
    let settings = RealtimeSettings { model: "r".to_owned(), instructions: None, voice, expires_seconds: 600 };
    let secret = openai(&fake).mint_realtime_secret(&settings).await.unwrap();
    assert_eq!((secret.value.expose_secret(), secret.model.as_str()), ("ek_fake", "r"));
    let body = &fake.requests()[1].body;
    assert_eq!(body["expires_after"], json!({"anchor": "created_at", "seconds": 600}));
    assert_eq!(body["session"]["audio"]["output"]["voice"], "marin");
}

#[tokio::test]
async fn the_demo_model_says_what_it_is() {
    let demo = ChatModel::Demo(DemoModel::new(Duration::ZERO));
    let (text, usage, end) = collect(demo.stream(&prompt("plan my day")).await.unwrap()).await;
    assert!(text.contains("demo model") && text.contains("OPENAI_API_KEY") && text.contains("“plan my day”"));
    assert_eq!(usage.unwrap().input_tokens, 5);
    assert_eq!(end.unwrap(), FinishReason::Stop);
    let short = ChatPrompt { output_tokens_max: Some(3), ..prompt("x") };
    assert_eq!(collect(demo.stream(&short).await.unwrap()).await.2.unwrap(), FinishReason::Length);
}

#[test]
fn names_lead_to_configured_models() {
    let providers = |pairs: &'static [(&str, &str)]| {
        let find = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Providers::new(ProviderSettings::from_lookup(find), http())
    };
    let check = |pairs, name, expected: Result<&str, ResolveError>| {
        let found = providers(pairs).resolve(name).map(|(_, name)| name.canonical);
        assert_eq!(found, expected.map(str::to_owned), "{name:?} with {pairs:?}");
    };
    check(&[], None, Ok("local/demo"));
    check(&[], Some("openai"), Err(ResolveError::NotConfigured(Vendor::OpenAi)));
    check(&[], Some("local/llama"), Err(ResolveError::UnknownModel("llama".to_owned())));
    check(&[], Some("acme/x"), Err(ResolveError::UnknownProvider("acme".to_owned())));
    check(&[], Some("openai/"), Err(ResolveError::InvalidName));
    check(&[], Some("a b"), Err(ResolveError::InvalidName));
    check(&[("XAI_API_KEY", "k"), ("ANTHROPIC_API_KEY", "k")], None, Ok("anthropic/claude-haiku-5-5"));
    check(&[("ANTHROPIC_API_KEY", "k")], Some("anthropic-claude"), Ok("anthropic/claude-haiku-5-5"));
    check(&[("OPENAI_BASE_URL", "http://localhost"), ("OPENAI_MODEL", "llama")], None, Ok("openai/llama"));
    check(&[("OPENROUTER_API_KEY", "k")], Some("openrouter/openai/gpt-6-luna"), Ok("openrouter/openai/gpt-6-luna"));
    check(&[("OPENAI_API_KEY", "k"), ("ALMANAC_DEFAULT_MODEL", "local/demo")], None, Ok("local/demo"));
}
