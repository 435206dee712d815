//! A table of DynamoDB's: the operations and expressions that the short-lived store uses, with conditions that are
//! checked and written in one go. It never deletes what has expired, since DynamoDB takes days for it too, and it
//! fails in every way that a service on a network does.

mod expression;
mod table;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base::config::Env;
use serde_json::{Value, json};

use self::table::{Refusal, Table};

/// Longer than any caller waits.
const SILENCE: Duration = Duration::from_secs(30);
/// The table there is.
const TABLE: &str = "almanac-test";

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not done: the table has no throughput left.
    Throttled,
    /// Not done, and answered 500.
    Broken,
    /// Not done, and the connection ends in the middle of the answer.
    Cut,
    /// Not done, and never answered.
    Silent,
    /// Done, and never answered.
    DoneInSilence,
    /// Done, and the connection ends in the middle of the answer.
    DoneAndCut,
    /// Not done: the caller may not do it.
    Forbidden,
}

#[derive(Default)]
struct Books {
    table: Table,
    /// Each request as it came: its operation and its body.
    requests: Vec<(String, String)>,
    /// What goes wrong with the next requests; `None` is nothing.
    next: VecDeque<Option<Fault>>,
    /// What goes wrong with all others.
    always: Option<Fault>,
}

/// One such table. It stops with the test's runtime.
#[derive(Clone)]
pub(crate) struct DynamoDbFake {
    pub(crate) url: String,
    books: Arc<Mutex<Books>>,
}

impl DynamoDbFake {
    /// Starts it, empty.
    pub(crate) async fn start() -> Self {
        let books = Arc::new(Mutex::new(Books::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&books));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("the fake runs") });
        Self { url, books }
    }

    /// The same, with refused conditions that do not tell the item, as some stand-ins for DynamoDB have it.
    pub(crate) async fn start_discreet() -> Self {
        let fake = Self::start().await;
        fake.lock().table.is_discreet = true;
        fake
    }

    /// The settings of a store in this table.
    pub(crate) fn settings(&self) -> [(&'static str, String); 6] {
        settings(&self.url, TABLE)
    }

    /// These go wrong next, one request each; `None` goes well.
    pub(crate) fn fail_next(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.lock().next.extend(faults);
    }

    /// All others go wrong from now on, or well again.
    pub(crate) fn fail_always(&self, fault: Option<Fault>) {
        self.lock().always = fault;
    }

    /// The operations that were asked for so far, in order.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.lock().requests.iter().map(|(operation, _)| operation.clone()).collect()
    }

    /// The bodies that were sent so far, in order.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.lock().requests.iter().map(|(_, body)| body.clone()).collect()
    }

    /// How many items there are, whether they have ended or not.
    pub(crate) fn len(&self) -> usize {
        self.lock().table.len()
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("no holder panics")
    }
}

/// The settings of a store in a table at this address.
pub(crate) fn settings(url: &str, table: &str) -> [(&'static str, String); 6] {
    [
        ("STORE_TABLE", table.to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "a-secret-of-the-tests".to_owned()),
        ("AWS_SESSION_TOKEN", "a-session-of-the-tests".to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", url.to_owned()),
    ]
}

/// The same as an environment.
pub(crate) fn env(url: &str, table: &str) -> Env {
    Env::from_pairs(settings(url, table))
}

async fn answer(State(books): State<Arc<Mutex<Books>>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = header("x-amz-target").strip_prefix("DynamoDB_20120810.").expect("an operation").to_owned();
    let scope = "/eu-central-1/dynamodb/aws4_request";
    let is_signed = header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        && header("authorization").contains(scope)
        && header("x-amz-security-token") == "a-session-of-the-tests";
    let (fault, done) = {
        let mut books = books.lock().expect("no holder panics");
        books.requests.push((operation.clone(), String::from_utf8_lossy(&body).into_owned()));
        let fault = books.next.pop_front().unwrap_or(books.always);
        let fault = if is_signed { fault } else { Some(Fault::Forbidden) };
        let is_done = matches!(fault, None | Some(Fault::DoneInSilence | Fault::DoneAndCut));
        let request = || serde_json::from_slice(&body).expect("requests are JSON");
        (fault, is_done.then(|| books.table.perform(TABLE, &operation, &request())))
    };
    match fault {
        Some(Fault::Throttled) => refuse(&Refusal::of("ProvisionedThroughputExceededException")),
        Some(Fault::Forbidden) => refuse(&Refusal::of("AccessDeniedException")),
        Some(Fault::Broken) => {
            (StatusCode::INTERNAL_SERVER_ERROR, json!({"__type": "InternalServerError"}).to_string()).into_response()
        }
        Some(Fault::Cut | Fault::DoneAndCut) => cut(),
        Some(Fault::Silent | Fault::DoneInSilence) => {
            tokio::time::sleep(SILENCE).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        None => match done.expect("what does not fail is done") {
            Ok(output) => reply(StatusCode::OK, &output),
            Err(refusal) => refuse(&refusal),
        },
    }
}

fn refuse(refusal: &Refusal) -> Response {
    let mut body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{}", refusal.kind)});
    body["message"] = json!(refusal.detail);
    if let Some(item) = &refusal.item {
        body["Item"] = Value::Object(item.clone());
    }
    reply(StatusCode::BAD_REQUEST, &body)
}

fn reply(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
}

/// An answer that promises more than it holds.
fn cut() -> Response {
    let half = futures_util::stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{\"Attr"))]);
    ([("content-length", "4096")], Body::from_stream(half)).into_response()
}
