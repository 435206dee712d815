//! A handler that panics. No route of the product does so on purpose; these do, behind the same layers.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::post;
use base::config::Env;
use base::extract::Json;
use base::{Clock, http, log};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

const CANARY: &str = "sk-canary-9Qw3";

#[derive(Debug, Deserialize)]
struct Secretive {
    api_key: SecretString,
}

#[derive(Debug, Default, Clone)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no holder panics").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sends a body to a route and gives the answer and what was logged.
async fn send(path: &str, body: &Value) -> (Response<Body>, String) {
    let log = Log::default();
    let writer = log.clone();
    let env = Env::from_pairs([("RUST_LOG", "trace")]);
    let _guard = tracing::subscriber::set_default(log::subscriber(&env, move || writer.clone()));
    let settings = http::Settings::from_env(&Env::default(), Clock::system()).expect("the defaults are right");
    let request = Request::post(path).header("content-type", "application/json").header("x-request-id", "request-7");
    let request = request.body(Body::from(body.to_string())).expect("a request");
    let answer = http::finish(router(), settings).oneshot(request).await.expect("infallible");
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let written = String::from_utf8(log.0.lock().expect("no holder panics").clone()).expect("text");
    (Response::from_parts(parts, Body::from(body)), written)
}

fn router() -> Router {
    Router::new()
        .route("/text", post(async |Json(body): Json<Secretive>| -> () { panic!("cannot go on with {body:?}") }))
        .route("/static", post(async || -> () { panic!("an invariant does not hold") }))
        .route(
            "/expect",
            post(async |Json(body): Json<Secretive>| -> () {
                let nothing: Result<(), SecretString> = std::hint::black_box(Err(body.api_key));
                nothing.expect("no key comes here");
            }),
        )
        .route("/value", post(async || -> () { std::panic::panic_any(7) }))
}

#[tokio::test]
async fn answers_500_without_a_word_of_the_inside() {
    for (path, cause) in [
        ("/text", "a handler panicked: cannot go on with Secretive"),
        ("/static", "a handler panicked: an invariant does not hold"),
        ("/expect", "a handler panicked: no key comes here"),
        ("/value", "a handler panicked: without a message"),
    ] {
        let (answer, log) = send(path, &json!({"api_key": CANARY})).await;
        let (parts, body) = answer.into_parts();
        assert_eq!(parts.status, 500, "{path}");
        assert_eq!(parts.headers["content-type"], "application/problem+json");
        assert_eq!(parts.headers["x-request-id"], "request-7");
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        let problem: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((&problem["code"], &problem["request_id"]), (&json!("internal"), &json!("request-7")));
        assert!(!problem.to_string().contains(cause), "{problem}");

        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
        let line = lines.iter().find(|line| line["message"] == "request").expect("the request's line");
        assert_eq!((&line["level"], &line["status"]), (&json!("ERROR"), &json!(500)));
        assert!(line["cause"].as_str().is_some_and(|told| told.starts_with(cause)), "{line}");
        for place in [&problem.to_string(), &log, &format!("{:?}", parts.headers)] {
            assert!(!place.contains(CANARY), "{path}: {place}");
        }
    }
}
