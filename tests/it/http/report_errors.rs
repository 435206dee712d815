//! Answers that are our fault are reported to Sentry, or to what takes its envelopes.

use axum::http::StatusCode;
use base::config::Env;
use base::error_report::ErrorReports;
use base::{Clock, Error};
use serde_json::Value;

use crate::app::TestApp;
use crate::fakes::sentry::SentryFake;

/// A product whose database takes no connections any more.
async fn app_without_database(dsn: &str) -> TestApp {
    let app = TestApp::start_with([("SENTRY_DSN", dsn)]).await;
    app.close_database().await;
    app
}

#[tokio::test]
async fn a_failure_is_reported_with_its_cause_and_without_what_was_sent() {
    let mut sentry = SentryFake::start().await;
    let app = app_without_database(&sentry.dsn).await;
    let credentials = serde_json::json!({"email": "alice@example.com", "password": "correct horse battery"});
    let answer = app.anon().post("/api/auth/login", &credentials).await;
    let problem = answer.assert_problem(503, "database_unavailable");
    let (headers, envelope) = sentry.next().await;
    let auth = headers["x-sentry-auth"].to_str().expect("plain");
    assert!(auth.contains("sentry_version=7") && auth.contains("sentry_key=abc123"), "{auth}");
    assert!(!envelope.contains("alice@example.com") && !envelope.contains("correct horse"), "{envelope}");
    let lines: Vec<Value> = envelope.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    let [head, item, event] = lines.as_slice() else { panic!("{envelope}") };
    assert_eq!(head["event_id"], event["event_id"]);
    assert_eq!(item["type"], "event");
    assert_eq!(event["transaction"], "POST /api/auth/login");
    assert_eq!(event["tags"]["request_id"], problem["request_id"]);
    // PostgreSQL's own word, of the connection's end or of the next one's beginning.
    assert!(event["message"]["formatted"].as_str().is_some_and(|cause| cause.contains("FATAL")), "{event}");
}

#[tokio::test]
async fn what_the_client_did_wrong_is_not_reported_and_a_failing_sentry_harms_nothing() {
    let mut sentry = SentryFake::answering(StatusCode::INTERNAL_SERVER_ERROR).await;
    let app = app_without_database(&sentry.dsn).await;
    app.anon().get("/api/nothing").await.assert_problem(404, "no_route");
    assert_eq!(app.anon().get("/api/health?deep=1").await.status, 503);
    assert_eq!(app.anon().get("/api/health?deep=1").await.status, 503);
    for _ in 0..2 {
        let (_, envelope) = sentry.next().await;
        assert!(envelope.contains("GET /api/health"), "{envelope}");
    }
    assert_eq!(app.anon().get("/api/health").await.status, 200);
}

#[tokio::test]
async fn a_job_that_failed_is_reported_by_its_name() {
    let mut sentry = SentryFake::start().await;
    let reports =
        ErrorReports::from_env(&Env::from_pairs([("SENTRY_DSN", &sentry.dsn)])).expect("the setting is right");
    let clock = Clock::system();
    let user_id = clock.new_id();
    reports.send_failed_job(&clock, "drain", &Error::internal("the inner cause"), Some(user_id));
    let event = sentry.next_event().await;
    assert_eq!(
        (&event["transaction"], &event["message"]["formatted"]),
        (&"job drain".into(), &"the inner cause".into())
    );
    assert_eq!((&event["tags"]["outcome"], &event["user"]["id"]), (&"internal".into(), &user_id.to_string().into()));
}
