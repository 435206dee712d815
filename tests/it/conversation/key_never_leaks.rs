//! A caller's key is planted wherever a caller or OpenAI can put it, while the program logs all it can. It must
//! be found nowhere: no log line, no span, no panic message, no error answer, no row. What is said is logged and
//! stored no more than the key.

use serde_json::{Value, json};

use super::speaking::{tables, with};
use super::upstream::{Then, Upstream};
use crate::app::{Actor, Answer, TestApp};
use crate::fakes::model::{End, ModelFake, Script};
use crate::process::Process;

const PATH: &str = "/api/conversation";
const SESSION_PATH: &str = "/api/conversation/session";
/// The key, and a part of it that nothing else contains.
const CANARY: &str = "sk-proj-u7Qm2canaryZx41Lw9";
const CANARY_PART: &str = "canaryZx41";
/// A word that the caller and the model say.
const WORD: &str = "plughxyzzy";

/// Lines as text tell the spans that they are in; JSON lines do not.
const SPANS: (&str, &str) = ("LOG_FORMAT", "text");

fn exchange() -> Value {
    json!({"apiKey": CANARY, "message": WORD})
}

/// Where a text has the key: as it is, or as a list of bytes, which is how buffers are printed.
fn find_key(text: &str) -> Option<usize> {
    let bytes = CANARY_PART.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    [CANARY_PART, &bytes].into_iter().find_map(|trace| text.find(trace))
}

#[test]
fn knows_the_key_when_it_sees_it() {
    for text in [format!("Bearer {CANARY}"), format!("{:?}", CANARY.as_bytes()), format!("{:?}", Some(CANARY))] {
        assert!(find_key(&text).is_some(), "{text}");
    }
    assert_eq!(find_key("sk-proj-[redacted]"), None);
}

#[track_caller]
fn assert_clean(place: &str, text: &str) {
    if let Some(at) = find_key(text) {
        let around = text.get(at.saturating_sub(300)..(at + 100).min(text.len())).unwrap_or(text);
        panic!("{place} has the key: {around}");
    }
}

#[track_caller]
fn assert_kept_out(place: &str, text: &str) {
    assert_clean(place, text);
    assert!(!text.contains(WORD), "{place} has what was said");
}

/// Every way in which OpenAI can answer, most of them quoting the key.
fn scripts() -> Vec<Script> {
    let error = json!({"error": {
        "type": format!("error_{CANARY}"), "code": CANARY,
        "message": format!("Incorrect API key provided: {CANARY}. (also {}****)", &CANARY[..16]),
    }});
    let statuses = [400, 401, 403, 404, 429, 500, 503, 504];
    let refusals = statuses.map(|status| {
        let headers = [("x-should-retry", "false"), ("x-echo", CANARY)];
        Script::status(status, &headers, &error.to_string())
    });
    let retried = [Script::status(500, &[], &error.to_string()), Script::words(&format!("One {WORD} two."))];
    let endings = [End::Complete, End::CutBefore(1), End::NoTerminator, End::InStreamError, End::Malformed, End::Stall];
    let replies = endings.map(|end| Script::words(&format!("One {WORD} two.")).end(end));
    let text = [Script::status(500, &[("x-should-retry", "false")], CANARY)];
    refusals.into_iter().chain(retried).chain(replies).chain(text).collect()
}

/// Bodies in which the key is at a wrong place.
fn misplaced() -> Vec<String> {
    let exchanges = [
        json!({"apiKey": {"value": CANARY}}),
        json!({"apiKey": [CANARY]}),
        json!({"apiKey": format!("{CANARY}\n")}),
        json!({"apiKey": format!("{CANARY}\u{e9}")}),
        json!({"apiKey": CANARY.repeat(30)}),
        json!({"apiKey": null, "api_key": CANARY}),
        json!({"apiKey": null, "key": {"nested": CANARY}}),
        json!({"stream": CANARY}),
        json!({"history": CANARY}),
        json!({"history": [CANARY]}),
        json!({"history": [{"role": CANARY, "content": "Hi"}]}),
        json!({"message": {"text": CANARY}}),
        json!({"model": format!("{CANARY} {CANARY}")}),
        json!({"model": [CANARY]}),
    ];
    let exchanges = exchanges.into_iter().map(|changes| with(exchange(), &changes).to_string());
    let broken = [
        format!("\"{CANARY}\""),
        CANARY.to_owned(),
        format!("apiKey={CANARY}&message=Hello"),
        format!("{{\"apiKey\": \"{CANARY}\", \"message\": \"{WORD}\""),
        format!("{{\"apiKey\": \"{CANARY}\", \"apiKey\": \"{CANARY}\", \"message\": \"{WORD}\"}}"),
        format!("{{\"apiKey\": {CANARY}}}"),
        format!("{{\"apiKey\": \"{CANARY}\\x\"}}"),
    ];
    exchanges.chain(broken).collect()
}

/// Sends a body and checks the answer.
async fn send(actor: &Actor, path: &str, kind: &str, body: &str) -> String {
    let request = actor.request(reqwest::Method::POST, path).header("content-type", kind.to_owned());
    let answer = Answer::of(request.body(body.to_owned())).await;
    let seen = format!("{:?} {}", answer.headers, answer.text);
    assert_clean(&format!("the answer {} to {body}", answer.status), &seen);
    answer.header("x-request-id").to_owned()
}

async fn assert_database_clean(app: &TestApp) {
    let client = app.superuser().await;
    for table in tables(&client).await {
        let rows = client.query(&format!("select t::text from {table} t"), &[]).await.expect("the table is there");
        for row in rows {
            assert_kept_out(&table, row.get(0));
        }
    }
}

#[tokio::test]
async fn whatever_openai_answers() {
    let fake = ModelFake::start().await;
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    let settings = [
        ("OPENAI_BASE_URL", &*fake.base_url()),
        ("PROVIDER_IDLE_TIMEOUT_MS", "200"),
        ("RATE_LIMIT_SCALE", "100"),
        ("RUST_LOG", "trace"),
        ("RUST_BACKTRACE", "full"),
    ];
    let process = Process::start(&app, settings).await;
    let alice = process.seen_by(&alice);
    let mut last = String::new();
    for stream in [false, true] {
        let body = with(exchange(), &json!({"stream": stream})).to_string();
        for script in scripts() {
            fake.enqueue(script);
            last = send(&alice, PATH, "application/json", &body).await;
        }
    }
    for script in scripts() {
        fake.enqueue(script);
        last = send(&alice, SESSION_PATH, "application/json", &json!({"apiKey": CANARY}).to_string()).await;
    }
    process.line_of(&last).await;
    let written = process.end().await;
    assert!(written.contains("TRACE") && written.contains("provider retried"), "the program logs all it can");
    assert_kept_out("the log", &written);
    assert_database_clean(&app).await;
}

#[tokio::test]
async fn wherever_the_caller_puts_it() {
    let fake = ModelFake::start().await;
    let app = TestApp::start().await;
    let settings = [("OPENAI_BASE_URL", &*fake.base_url()), ("RATE_LIMIT_SCALE", "100"), ("RUST_LOG", "trace"), SPANS];
    let process = Process::start(&app, settings).await;
    let anon = process.seen_by(&app.anon());
    let mut last = String::new();
    for body in misplaced() {
        for path in [PATH, SESSION_PATH] {
            for kind in ["application/json", "text/plain"] {
                last = send(&anon, path, kind, &body).await;
            }
        }
    }
    process.until_written(&last).await;
    assert_kept_out("the log", &process.end().await);
    assert_database_clean(&app).await;
}

#[tokio::test]
async fn when_the_answer_breaks() {
    let app = TestApp::start().await;
    let begun = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n";
    for (answer, then) in [
        (format!("{begun}{{\"error\": \"{CANARY}\""), Then::HangUp),
        (format!("{begun}{{\"error\": \"{CANARY}\""), Then::Silence),
        (
            format!("HTTP/1.1 200 {CANARY}\r\ncontent-type: application/json\r\n\r\n{{\"x\": \"{CANARY}\"}}"),
            Then::HangUp,
        ),
        (format!("{CANARY}\r\n\r\n"), Then::HangUp),
        (String::new(), Then::HangUp),
    ] {
        let upstream = Upstream::start(answer, then).await;
        let settings = [
            ("OPENAI_BASE_URL", &*upstream.base_url()),
            ("PROVIDER_IDLE_TIMEOUT_MS", "200"),
            ("RUST_LOG", "trace"),
            SPANS,
        ];
        let process = Process::start(&app, settings).await;
        let anon = process.seen_by(&app.anon());
        let bodies = [
            (PATH, exchange()),
            (PATH, with(exchange(), &json!({"stream": true}))),
            (SESSION_PATH, json!({"apiKey": CANARY})),
        ];
        let mut last = String::new();
        for (path, body) in bodies {
            last = send(&anon, path, "application/json", &body.to_string()).await;
        }
        process.until_written(&last).await;
        assert_kept_out("the log", &process.end().await);
    }
    assert_database_clean(&app).await;
}
