//! Serving requests from the first to an orderly end, over HTTP/1.
//!
//! No client is waited for without a bound ([`Patience`]), as each holds a descriptor: neither for the head of a request,
//! nor for its body, nor to read its answer. How long an answer takes to be made is the functions' affair.
//!
//! A stop goes through these steps: the door is shut, after those who stood in front of it were let in; for a moment
//! kept connections may still ask, and are told that theirs is the last answer; then connections on which nothing is
//! asked are closed. Requests go on, and so do replies whose clients have left. What is still going on when the
//! time is nearly over is stored as far as it came.

mod connections;
mod patience;
mod patient_stream;

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use base::background;
use base::config::{ConfigError, Env};
use chat::LiveReplies;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::failure::{Failure, Result};
use crate::listen::Shutdown;

pub use patience::Patience;

/// How long a stop may take, unless `SHUTDOWN_GRACE_SECONDS` says otherwise.
const GRACE: Duration = Duration::from_secs(30);
/// The longest grace that can be asked for: more than any reply takes.
const GRACE_MAX: Duration = Duration::from_hours(1);
/// The most of the grace that is kept back for storing what is cut off.
const STORE_TIME_MAX: Duration = Duration::from_secs(3);
/// How long kept connections may still ask. It is longer than the way of a request that was sent before its client could
/// learn of the stop.
const LINGER: Duration = Duration::from_millis(200);

/// How long a stop may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace(Duration);

impl Grace {
    /// Only what storing the unfinished takes.
    pub const SHORTEST: Self = Self(Duration::ZERO);

    /// Reads `SHUTDOWN_GRACE_SECONDS` (default 30, from 0 to 3600).
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let bounds = 0..=GRACE_MAX.as_secs();
        env.parse_within("SHUTDOWN_GRACE_SECONDS", GRACE.as_secs(), bounds).map(Duration::from_secs).map(Self)
    }

    /// How much of it is kept back for storing what is cut off: a tenth, and something even of the shortest.
    fn store_time(self) -> Duration {
        (self.0 / 10).clamp(Duration::from_millis(500), STORE_TIME_MAX)
    }

    /// How long things may go on as if nothing was.
    fn working_time(self) -> Duration {
        self.0.saturating_sub(self.store_time())
    }
}

/// A server at work.
pub struct Serving {
    server: JoinHandle<()>,
    is_closing: watch::Sender<bool>,
    /// Dropped to close connections on which nothing is asked, and the others after their answer.
    close: Option<oneshot::Sender<()>>,
}

impl Serving {
    /// Starts to answer what comes to this listener.
    pub fn start(listener: TcpListener, router: Router, patience: Patience) -> Self {
        let (is_closing, closing) = watch::channel(false);
        let (close, closed) = oneshot::channel();
        let router = router.layer(from_fn_with_state(closing.clone(), tell_the_last));
        let server = tokio::spawn(connections::serve(listener, router, patience, closing, closed));
        Self { server, is_closing, close: Some(close) }
    }

    /// Waits for an end that nobody asked for.
    pub async fn ended(&mut self) -> Failure {
        Failure::new(format!("The server ended: {:?}.", (&mut self.server).await))
    }

    /// Takes no new connections, and lets requests and replies finish within the grace. The next signal cuts that
    /// short, and the one after it ends everything at once.
    pub async fn stop(mut self, grace: Grace, live: &LiveReplies, signals: &mut Shutdown) {
        let begun = Instant::now();
        let deadline = begun + grace.working_time() + grace.store_time();
        self.is_closing.send_replace(true);
        tracing::info!(grace_seconds = grace.0.as_secs(), "stopping: what is under way may finish");
        let finished = tokio::select! {
            finished = timeout_at(begun + grace.working_time(), self.finish()) => finished.is_ok(),
            () = signals.asked() => false,
        };
        if !finished {
            tracing::warn!("stopping: what is still under way is cut off, and stored as far as it came");
            live.interrupt();
            let deadline = deadline.min(Instant::now() + grace.store_time());
            let stored = tokio::select! {
                stored = timeout_at(deadline, self.finish()) => stored.is_ok(),
                () = signals.asked() => false,
            };
            if !stored {
                tracing::warn!("stopping: not everything came to an end");
            }
        }
        self.server.abort();
        tracing::info!(duration_ms = begun.elapsed().as_millis(), "stopped");
    }

    /// Waits until there is nothing more to do: first for the connections, since requests begin other work.
    async fn finish(&mut self) {
        if self.close.is_some() {
            sleep(LINGER).await;
            self.close = None;
        }
        if !self.server.is_finished() {
            // How it ended tells nothing now.
            drop((&mut self.server).await);
        }
        background::finished().await;
    }
}

/// Tells clients that an answer is the last of its connection, once the door is shut, or when their request was not
/// waited for to its end.
async fn tell_the_last(State(closing): State<watch::Receiver<bool>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if *closing.borrow() || response.status() == StatusCode::REQUEST_TIMEOUT {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests;
