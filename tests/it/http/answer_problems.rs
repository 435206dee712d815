use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

/// The whole body of a problem, but for its id.
fn shape(problem: Value) -> Value {
    let mut problem = problem;
    problem["request_id"] = "[id]".into();
    problem
}

#[tokio::test]
async fn an_unknown_address_is_404() {
    let app = TestApp::start().await;
    for path in ["/", "/api", "/api/nothing", "/api/health/", "/api/users/me/nothing", "/%2e%2e/etc/passwd"] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = Answer::of(app.anon().request(method, path)).await;
            answer.assert_problem(404, "no_route");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
    assert_json_snapshot!(shape(app.anon().get("/api/nothing").await.json()));
}

#[tokio::test]
async fn a_method_that_is_not_taken_is_405() {
    let app = TestApp::start().await;
    let answer = Answer::of(app.anon().request(Method::DELETE, "/api/health")).await;
    assert_json_snapshot!(shape(answer.assert_problem(405, "method_not_allowed")));
    assert_eq!(answer.header("allow"), "GET,HEAD");
    app.anon().get("/api/conversation").await.assert_problem(405, "method_not_allowed");
    app.anon().put("/api/auth/login", &json!({})).await.assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_400() {
    let app = TestApp::start().await;
    for body in
        ["", "{", "{\"password\": \"a\",}", r#"{"email": "alice@example.com", "password": "a"} {}"#, "\u{feff}{}"]
    {
        let request = app.anon().request(Method::POST, "/api/auth/login").header("content-type", "application/json");
        Answer::of(request.body(body)).await.assert_problem(400, "malformed");
    }
}

#[tokio::test]
async fn a_value_that_no_text_can_hold_is_named() {
    let app = TestApp::start().await;
    let request = app.anon().request(Method::POST, "/api/auth/login").header("content-type", "application/json");
    Answer::of(request.body("{\"password\": \"\\ud800\"}")).await.assert_invalid("/password");
}

#[tokio::test]
async fn a_body_of_another_kind_is_415() {
    let app = TestApp::start().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", ""] {
        let request = app.anon().request(Method::POST, "/api/auth/login").header("content-type", kind);
        Answer::of(request.body("{}")).await.assert_problem(415, "unsupported_media_type");
    }
    let request = app.anon().request(Method::POST, "/api/auth/login").body("{}");
    Answer::of(request).await.assert_problem(415, "unsupported_media_type");
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
        let request = app.anon().request(Method::POST, "/api/auth/login").header("content-type", kind);
        assert_eq!(Answer::of(request.body("{}")).await.status, 422, "{kind} is read");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let app = TestApp::start().await;
    let send = |path: &'static str, bytes: usize| {
        let body = format!("{{\"message\": \"{}\"}}", "x".repeat(bytes));
        let request = app.anon().request(Method::POST, path).header("content-type", "application/json");
        Answer::of(request.body(body))
    };
    let general = base::http::BODY_BYTES_MAX;
    send("/api/webhooks/clerk", general + 1).await.assert_problem(413, "too_large");
    send("/api/auth/login", general + 1).await.assert_problem(413, "too_large");
    send("/api/conversation", 512 * 1024).await.assert_problem(413, "too_large");
    // Within the limit it is the field that is at fault.
    assert_eq!(send("/api/conversation", 500 * 1024).await.status, 422);
}

#[tokio::test]
async fn a_body_without_a_length_has_the_same_limit() {
    let app = TestApp::start().await;
    let chunks = (0..17).map(|_| Ok::<_, std::io::Error>("x".repeat(64 * 1024)));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let request = app.anon().request(Method::POST, "/api/auth/login").header("content-type", "application/json");
    Answer::of(request.body(body)).await.assert_problem(413, "too_large");
}
