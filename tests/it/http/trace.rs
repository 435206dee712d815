use reqwest::Method;

use crate::app::{Answer, TestApp};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn get_with(app: &TestApp, name: &str, value: &str) -> Answer {
    Answer::of(app.anon().request(Method::GET, "/api/health").header(name, value)).await
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let app = TestApp::start().await;
    let (first, second) = (app.anon().get("/api/health").await, app.anon().get("/api/nothing").await);
    let ids = [first.header("x-request-id"), second.header("x-request-id")];
    assert!(ids.iter().all(|id| id.parse::<uuid::Uuid>().is_ok()), "{ids:?}");
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_plain_id_is_taken_over() {
    let app = TestApp::start().await;
    for id in ["order-66", "0123456789", &"a".repeat(64)] {
        assert_eq!(get_with(&app, "x-request-id", id).await.header("x-request-id"), id);
    }
    for id in ["short", &"a".repeat(65), "with space", "quote\"d-id", "<script>alert"] {
        let answer = get_with(&app, "x-request-id", id).await;
        assert!(answer.header("x-request-id").parse::<uuid::Uuid>().is_ok(), "{id}");
    }
}

#[tokio::test]
async fn a_trace_goes_on() {
    let app = TestApp::start().await;
    let parent = "00f067aa0ba902b7";
    let answer = get_with(&app, "traceparent", &format!("00-{TRACE_ID}-{parent}-01")).await;
    let parts: Vec<&str> = answer.header("traceparent").split('-').collect();
    assert_eq!((parts.len(), parts[0], parts[1]), (4, "00", TRACE_ID));
    assert!(parts[2].len() == 16 && parts[2] != parent, "this request is a span of its own: {parts:?}");
}

#[tokio::test]
async fn a_trace_begins_when_none_came() {
    let app = TestApp::start().await;
    for wrong in ["", "nonsense", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        let answer = get_with(&app, "traceparent", wrong).await;
        let parts: Vec<&str> = answer.header("traceparent").split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [2, 32, 16, 2], "{wrong:?}: {parts:?}");
        assert!(parts[1].bytes().any(|digit| digit != b'0'));
    }
}
