//! Cross-origin requests: configured origins only.

use reqwest::Method;

use crate::app::{Answer, TestApp};

const ORIGIN: &str = "https://app.example";

async fn app() -> TestApp {
    TestApp::start_with([("CORS_ORIGINS", "https://app.example, http://localhost:*")]).await
}

async fn preflight(app: &TestApp, path: &str, origin: &str, method: &str) -> Answer {
    let request = app.anon().request(Method::OPTIONS, path);
    let request = request.header("origin", origin).header("access-control-request-method", method);
    Answer::of(request.header("access-control-request-headers", "authorization,content-type,x-own")).await
}

#[tokio::test]
async fn a_preflight_is_answered_for_every_route() {
    let app = app().await;
    for (path, method) in [
        ("/api/chat", "POST"),
        ("/api/chat/1/stream", "GET"),
        ("/api/conversation", "POST"),
        ("/api/users/me", "PUT"),
        ("/api/users/1", "PATCH"),
        ("/api/auth/login", "POST"),
    ] {
        let answer = preflight(&app, path, ORIGIN, method).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN, "{path}");
        assert!(answer.header("access-control-allow-methods").split(',').any(|one| one == method), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-headers"), "authorization,content-type,x-own");
        assert_eq!(answer.header("access-control-max-age"), "3600");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "tokens travel in a header");
    }
}

#[tokio::test]
async fn other_origins_are_told_nothing() {
    let app = app().await;
    for origin in ["https://other.example", "https://app.example.evil", "http://app.example", "null"] {
        let answers = [
            preflight(&app, "/api/chat", origin, "POST").await,
            Answer::of(app.anon().request(Method::GET, "/api/health").header("origin", origin)).await,
        ];
        for answer in answers {
            assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
            assert!(answer.header("vary").contains("origin"), "caches tell origins apart: {:?}", answer.headers);
        }
    }
}

#[tokio::test]
async fn any_port_of_the_developers_machine_when_configured() {
    let app = app().await;
    for origin in ["http://localhost:3000", "http://localhost:5173"] {
        let answer = preflight(&app, "/api/chat", origin, "POST").await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
    }
}

#[tokio::test]
async fn scripts_may_read_problems_and_the_headers_that_matter() {
    let app = app().await;
    let answer = Answer::of(app.anon().request(Method::GET, "/api/users/me").header("origin", ORIGIN)).await;
    answer.assert_problem(401, "token_missing");
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
    let exposed: Vec<&str> = answer.header("access-control-expose-headers").split(',').collect();
    let needed = [
        "action-group",
        "content-disposition",
        "etag",
        "idempotency-replayed",
        "link",
        "location",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "x-request-id",
        "x-vercel-ai-ui-message-stream",
    ];
    for name in needed {
        assert!(exposed.contains(&name), "{name}: {exposed:?}");
    }
}

#[tokio::test]
async fn without_origins_configured_no_browser_may_call() {
    let app = TestApp::start().await;
    let answer = preflight(&app, "/api/chat", ORIGIN, "POST").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
