//! Sentry as far as reports use it: it takes envelopes, and hands them to the test.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Longer than anything that does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

type Received = (HeaderMap, String);

/// One project. It stops with the test's runtime.
pub(crate) struct SentryFake {
    /// The value of `SENTRY_DSN`.
    pub(crate) dsn: String,
    received: mpsc::UnboundedReceiver<Received>,
}

impl SentryFake {
    /// Takes everything.
    pub(crate) async fn start() -> Self {
        Self::answering(StatusCode::OK).await
    }

    /// Answers with this status.
    pub(crate) async fn answering(status: StatusCode) -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let take =
            async move |State(sender): State<mpsc::UnboundedSender<Received>>, headers: HeaderMap, body: String| {
                sender.send((headers, body)).expect("the test listens");
                status
            };
        let router = Router::new().route("/api/42/envelope/", post(take)).with_state(sender);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let dsn = format!("http://abc123@{}/42", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("the fake serves") });
        Self { dsn, received }
    }

    /// The next envelope, and the headers that it came with.
    pub(crate) async fn next(&mut self) -> Received {
        let envelope = tokio::time::timeout(PATIENCE, self.received.recv()).await;
        envelope.expect("a report comes").expect("the fake serves")
    }

    /// The event in the next envelope.
    pub(crate) async fn next_event(&mut self) -> Value {
        let (_, envelope) = self.next().await;
        serde_json::from_str(envelope.lines().nth(2).expect("the third line is the event")).expect("JSON")
    }

    /// Whether all that came was looked at.
    pub(crate) fn is_idle(&self) -> bool {
        self.received.is_empty()
    }
}
