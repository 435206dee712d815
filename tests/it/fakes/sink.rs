//! A service that deliveries go to: it keeps what it took in the order of arrival, and fails in every way that a
//! service on a network does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use reqwest::StatusCode;
use serde_json::Value;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Taken,
    /// Taken, and answered late but in time.
    TakenSlowly(Duration),
    /// Answered 500, and not taken.
    Refused,
    /// Taken, and answered 500 all the same.
    TakenAndDenied,
    /// Taken, and not answered before the caller has given up.
    TakenInSilence,
}

/// Longer than any caller waits.
const SILENCE: Duration = Duration::from_secs(30);

/// A request as it came, and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) body: Value,
    pub(crate) fate: Fate,
}

impl Arrival {
    /// Whether the service did what it was asked to.
    pub(crate) fn is_taken(&self) -> bool {
        self.fate != Fate::Refused
    }
}

type Decide = dyn Fn(&Value) -> Fate + Send + Sync;

struct Books {
    arrivals: Mutex<Vec<Arrival>>,
    decide: Box<Decide>,
}

/// One such service. It stops with the test's runtime.
pub(crate) struct SinkFake {
    pub(crate) url: String,
    books: Arc<Books>,
}

impl SinkFake {
    /// Starts it; `decide` says what becomes of a request, given its body.
    pub(crate) async fn start(decide: impl Fn(&Value) -> Fate + Send + Sync + 'static) -> Self {
        let books = Arc::new(Books { arrivals: Mutex::default(), decide: Box::new(decide) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/deliveries", listener.local_addr().expect("an address"));
        let router = Router::new().route("/deliveries", post(take)).with_state(Arc::clone(&books));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("the fake runs") });
        Self { url, books }
    }

    /// All that came, in the order of arrival.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.books.arrivals.lock().expect("no holder panics").clone()
    }
}

async fn take(State(books): State<Arc<Books>>, body: Bytes) -> StatusCode {
    let body: Value = serde_json::from_slice(&body).expect("deliveries are JSON");
    let fate = (books.decide)(&body);
    books.arrivals.lock().expect("no holder panics").push(Arrival { body, fate });
    match fate {
        Fate::Taken => StatusCode::NO_CONTENT,
        Fate::Refused | Fate::TakenAndDenied => StatusCode::INTERNAL_SERVER_ERROR,
        Fate::TakenSlowly(wait) => {
            tokio::time::sleep(wait).await;
            StatusCode::NO_CONTENT
        }
        Fate::TakenInSilence => {
            tokio::time::sleep(SILENCE).await;
            StatusCode::NO_CONTENT
        }
    }
}
