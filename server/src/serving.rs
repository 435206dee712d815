//! Serving requests from the first to an orderly end.
//!
//! A stop goes through these steps: the door is shut, after those who stood in front of it were let in; for a moment
//! kept connections may still ask, and are told that theirs is the last answer; then connections on which nothing is
//! asked are closed. Requests go on, and so do replies whose clients have left. What is still going on when the
//! time is nearly over is stored as far as it came.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::serve::{Listener, ListenerExt};
use base::background;
use base::config::{ConfigError, Env};
use chat::LiveReplies;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::failure::{Failure, Result};
use crate::listen::Shutdown;

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
    pub fn from_env(env: &Env) -> Result<Self> {
        const NAME: &str = "SHUTDOWN_GRACE_SECONDS";
        let seconds = env.parse_or(NAME, GRACE.as_secs())?;
        if seconds > GRACE_MAX.as_secs() {
            let detail = format!("is at most {}", GRACE_MAX.as_secs());
            return Err(ConfigError { name: NAME.to_owned(), detail }.into());
        }
        Ok(Self(Duration::from_secs(seconds)))
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
    server: JoinHandle<std::io::Result<()>>,
    is_closing: watch::Sender<bool>,
    /// Dropped to close connections on which nothing is asked, and the others after their answer.
    close: Option<oneshot::Sender<()>>,
}

impl Serving {
    /// Starts to answer what comes to this listener.
    pub fn start(listener: TcpListener, router: Router) -> Result<Self> {
        let unreadable = |error| Failure::new(format!("The port cannot be read: {error}."));
        let (is_closing, closing) = watch::channel(false);
        let address = listener.local_addr().map_err(unreadable)?;
        let door = Door { listener: Some(listener), address, closing: closing.clone() };
        // The first byte of a streamed answer must not wait for more to come.
        let door = door.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY was not set");
            }
        });
        let (close, closed) = oneshot::channel::<()>();
        let router = router.layer(from_fn_with_state(closing, tell_the_last));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = axum::serve(door, service).with_graceful_shutdown(async {
            // An error means that the sender is gone, which also means to close.
            drop(closed.await);
        });
        Ok(Self { server: tokio::spawn(server.into_future()), is_closing, close: Some(close) })
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

/// The listener, until it is told to close. Who waits in the system's queue then is let in first.
struct Door {
    listener: Option<TcpListener>,
    address: SocketAddr,
    closing: watch::Receiver<bool>,
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        if let Some(listener) = &mut self.listener {
            tokio::select! {
                biased;
                accepted = Listener::accept(listener) => return accepted,
                _ = self.closing.wait_for(|is_closing| *is_closing) => {}
            }
        }
        self.listener = None;
        pending().await
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Tells clients that an answer is the last of its connection, once the door is shut.
async fn tell_the_last(State(closing): State<watch::Receiver<bool>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if *closing.borrow() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    fn check(given: &str, expected: Option<u64>) {
        let grace = Grace::from_env(&Env::from_pairs([("SHUTDOWN_GRACE_SECONDS", given)]));
        assert_eq!(grace.ok(), expected.map(|seconds| Grace(Duration::from_secs(seconds))), "{given:?}");
    }

    #[test]
    fn the_grace_is_bounded() {
        check("", Some(30));
        check("0", Some(0));
        check("3600", Some(3600));
        for wrong in ["3601", "-1", "1.5", "a minute"] {
            check(wrong, None);
        }
    }

    #[tokio::test]
    async fn who_asks_at_the_last_moment_is_answered_for_the_last_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().route("/", axum::routing::get(async || "here"));
        let mut serving = Serving::start(listener, router).expect("it serves");
        let mut kept = TcpStream::connect(address).await.expect("a connection");
        let mut answer = [0; 1024];
        kept.write_all(REQUEST).await.expect("sent");
        let len = kept.read(&mut answer).await.expect("answered");
        assert!(!String::from_utf8_lossy(&answer[..len]).contains("close"), "the connection is kept");
        // Its request is in the queue when the door is shut.
        let mut queued = TcpStream::connect(address).await.expect("a connection");
        queued.write_all(REQUEST).await.expect("sent");
        serving.is_closing.send_replace(true);
        kept.write_all(REQUEST).await.expect("sent");
        let finished = tokio::spawn(async move { serving.finish().await });
        for connection in [&mut kept, &mut queued] {
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.expect("answered and closed");
            assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("here"), "{answer}");
        }
        finished.await.expect("it comes to an end");
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[test]
    fn storing_has_a_part_of_it() {
        let parts = |seconds| {
            let grace = Grace(Duration::from_secs(seconds));
            (grace.working_time().as_millis(), grace.store_time().as_millis())
        };
        assert_eq!(parts(30), (27_000, 3_000));
        assert_eq!(parts(10), (9_000, 1_000));
        assert_eq!(parts(1), (500, 500));
        assert_eq!(parts(0), (0, 500));
        assert_eq!(parts(3600), (3_597_000, 3_000));
    }
}
