//! SQS as far as jobs use it, over AWS's JSON protocol 1.0: at least once, in no order, with a visibility timeout and dead
//! letters, and with all that goes wrong between a function and a queue.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::dice::Dice;

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Served,
    /// Refused, since too many come.
    Throttled,
    /// Answered 500, and nothing done.
    Broken,
    /// Done, and the connection is cut before the answer is whole.
    CutAfterwards,
    /// Some messages of a batch are refused, the others taken.
    HalfRefused,
    /// Not answered before the caller has given up, and nothing done.
    Silent,
}

/// How the queue treats messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// How long a message that was received is not shown to anybody else.
    pub(crate) visibility: Duration,
    /// After so many receipts a message becomes a dead letter.
    pub(crate) receipts_max: u32,
    /// One in so many messages is there twice; none when 0.
    pub(crate) doubled_one_in: usize,
    /// Whether messages come in the order in which they were sent.
    pub(crate) in_order: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self { visibility: Duration::from_secs(30), receipts_max: 5, doubled_one_in: 0, in_order: true }
    }
}

/// Longer than any caller waits.
const SILENCE: Duration = Duration::from_secs(30);

struct Stored {
    message_id: u64,
    body: String,
    visible_at: Instant,
    receipts: u32,
}

#[derive(Default)]
struct Books {
    waiting: Vec<Stored>,
    dead_letters: Vec<String>,
    sent: usize,
    calls: usize,
    last_id: u64,
}

type Decide = dyn FnMut(&str) -> Fate + Send;

struct Queue {
    books: Mutex<Books>,
    dice: Mutex<Dice>,
    decide: Mutex<Box<Decide>>,
    habits: Habits,
}

/// One queue. It stops with the test's runtime.
#[derive(Clone)]
pub(crate) struct SqsFake {
    /// Where the service is.
    pub(crate) endpoint: String,
    queue: Arc<Queue>,
}

impl SqsFake {
    /// A queue that serves every call.
    pub(crate) async fn start() -> Self {
        Self::start_with(Habits::default(), 0, |_| Fate::Served).await
    }

    /// A queue with these habits; `decide` says what becomes of a call, given the action's name, such as
    /// `SendMessageBatch`.
    pub(crate) async fn start_with(
        habits: Habits,
        seed: u64,
        decide: impl FnMut(&str) -> Fate + Send + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let decide: Box<Decide> = Box::new(decide);
        let dice = Mutex::new(Dice::seeded(seed));
        let queue = Arc::new(Queue { books: Mutex::default(), dice, decide: Mutex::new(decide), habits });
        let router = Router::new().route("/", post(call)).with_state(Arc::clone(&queue));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("the fake runs") });
        Self { endpoint, queue }
    }

    /// The queue's own address.
    pub(crate) fn url(&self) -> String {
        format!("{}/123456789012/almanac-jobs", self.endpoint)
    }

    /// The settings with which a function finds it.
    pub(crate) fn settings(&self) -> [(&'static str, String); 5] {
        [
            ("JOBS_QUEUE_URL", self.url()),
            ("AWS_ENDPOINT_URL_SQS", self.endpoint.clone()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "of the tests".to_owned()),
        ]
    }

    /// How many messages were ever taken, doubles not counted.
    pub(crate) fn sent(&self) -> usize {
        self.queue.books().sent
    }

    /// How many calls came, whatever became of them.
    pub(crate) fn calls(&self) -> usize {
        self.queue.books().calls
    }

    /// How many messages are there, shown or not.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.books().waiting.len()
    }

    /// The bodies of messages that were received too often.
    pub(crate) fn dead_letters(&self) -> Vec<String> {
        self.queue.books().dead_letters.clone()
    }
}

async fn call(State(queue): State<Arc<Queue>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let action = target.strip_prefix("AmazonSQS.").unwrap_or_else(|| panic!("not SQS: {target:?}"));
    assert_eq!(headers["content-type"], "application/x-amz-json-1.0");
    assert!(headers.contains_key("authorization") || action != "SendMessageBatch", "functions sign their calls");
    let input: Value = serde_json::from_slice(&body).expect("calls are JSON");
    queue.books().calls += 1;
    let fate = (queue.decide.lock().expect("no holder panics"))(action);
    match fate {
        Fate::Throttled => return refusal(StatusCode::BAD_REQUEST, "RequestThrottled"),
        Fate::Broken => return refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
        Fate::Silent => tokio::time::sleep(SILENCE).await,
        Fate::Served | Fate::CutAfterwards | Fate::HalfRefused => {}
    }
    let answer = match action {
        "SendMessageBatch" => queue.send_batch(&input, fate == Fate::HalfRefused),
        "ReceiveMessage" => queue.receive(&input),
        "DeleteMessage" => queue.delete(&input),
        other => panic!("the fake does not know {other}"),
    };
    if fate == Fate::CutAfterwards {
        let cut = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
        return Body::from_stream(cut).into_response();
    }
    answered(StatusCode::OK, &answer)
}

fn answered(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
}

fn refusal(status: StatusCode, kind: &str) -> Response {
    answered(status, &json!({"__type": format!("com.amazonaws.sqs#{kind}"), "message": "as the test wants it"}))
}

impl Queue {
    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().expect("no holder panics")
    }

    fn send_batch(&self, input: &Value, half: bool) -> Value {
        let entries = input["Entries"].as_array().expect("entries");
        assert!((1..=10).contains(&entries.len()), "a batch has 1 to 10 messages");
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        let (mut books, mut dice) = (self.books(), self.dice.lock().expect("no holder panics"));
        for (index, entry) in entries.iter().enumerate() {
            if half && index % 2 == 0 {
                failed.push(json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false}));
                continue;
            }
            let is_doubled = self.habits.doubled_one_in > 0 && dice.one_in(self.habits.doubled_one_in);
            for _ in 0..=usize::from(is_doubled) {
                books.last_id += 1;
                let (message_id, body) = (books.last_id, entry["MessageBody"].as_str().expect("a body").to_owned());
                books.waiting.push(Stored { message_id, body, visible_at: Instant::now(), receipts: 0 });
            }
            books.sent += 1;
            successful.push(json!({"Id": entry["Id"], "MessageId": books.last_id.to_string()}));
        }
        json!({"Successful": successful, "Failed": failed})
    }

    fn receive(&self, input: &Value) -> Value {
        let wanted = input["MaxNumberOfMessages"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
        let (mut books, mut dice) = (self.books(), self.dice.lock().expect("no holder panics"));
        let now = Instant::now();
        let Books { waiting, dead_letters, .. } = &mut *books;
        waiting.retain(|message| {
            let is_dead = message.visible_at <= now && message.receipts >= self.habits.receipts_max;
            dead_letters.extend(is_dead.then(|| message.body.clone()));
            !is_dead
        });
        let mut visible: Vec<usize> = (0..waiting.len()).filter(|&index| waiting[index].visible_at <= now).collect();
        let mut received = Vec::new();
        while received.len() < wanted && !visible.is_empty() {
            let next = if self.habits.in_order { 0 } else { dice.below(visible.len()) };
            let message = &mut waiting[visible.remove(next)];
            message.receipts += 1;
            message.visible_at = now + self.habits.visibility;
            received.push(json!({
                "MessageId": message.message_id.to_string(), "Body": message.body,
                "ReceiptHandle": format!("{}-{}", message.message_id, message.receipts),
                "Attributes": {"ApproximateReceiveCount": message.receipts.to_string()},
            }));
        }
        json!({"Messages": received})
    }

    /// A receipt that is not the newest deletes nothing, as the message has been given to somebody else.
    fn delete(&self, input: &Value) -> Value {
        let handle = input["ReceiptHandle"].as_str().expect("a receipt");
        self.books().waiting.retain(|message| format!("{}-{}", message.message_id, message.receipts) != handle);
        json!({})
    }
}
