//! The side of Lambda that a function talks to: it hands out events and notes when what came back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

use crate::sample::now_us;
use crate::wire::Connection;

/// How long a function may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Linux acknowledges a connection's first packets at once and delays only later, so several answers are looked at.
pub(crate) const ANSWERS: usize = 5;

/// The Runtime API of one process.
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    events: mpsc::UnboundedSender<String>,
    happened: mpsc::UnboundedReceiver<Happening>,
}

/// What a function did.
enum Happening {
    Polled(Instant),
    Answered(Answer),
}

/// What a function posted for one event.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// How long the body had got, and when, in microseconds since 1970.
    pub(crate) arrivals: Vec<(usize, u64)>,
}

struct Function {
    events: Arc<Mutex<mpsc::UnboundedReceiver<String>>>,
    happened: mpsc::UnboundedSender<Happening>,
}

impl RuntimeApi {
    /// Listens; a process that starts now finds it.
    pub(crate) async fn listen() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (events, receiver) = mpsc::unbounded_channel();
        let (sender, happened) = mpsc::unbounded_channel();
        let function = Arc::new(Function { events: Arc::new(Mutex::new(receiver)), happened: sender });
        tokio::spawn(async move {
            // Ends with the measurement: nobody waits for what happens then.
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&function)));
                if function.happened.is_closed() {
                    return;
                }
            }
        });
        Ok(Self { address, events, happened })
    }

    /// Waits until the function asks for an event, and tells when it did.
    pub(crate) async fn polled(&mut self) -> Result<Instant> {
        match self.next().await? {
            Happening::Polled(at) => Ok(at),
            Happening::Answered(_) => bail!("an answer to nothing"),
        }
    }

    /// Hands out an event and waits for the whole answer, and for the next poll after it.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Result<Answer> {
        self.events.send(event.to_string())?;
        let (mut answer, mut has_polled) = (None, false);
        while answer.is_none() || !has_polled {
            match self.next().await? {
                Happening::Polled(_) => has_polled = true,
                Happening::Answered(answered) => answer = Some(answered),
            }
        }
        answer.context("no answer")
    }

    async fn next(&mut self) -> Result<Happening> {
        let happening = timeout(PATIENCE, self.happened.recv()).await.context("the function does nothing")?;
        happening.context("the function has ended")
    }
}

async fn converse(stream: TcpStream, function: Arc<Function>) -> Result<()> {
    let mut connection = Connection::new(stream)?;
    while let Some(mut head) = connection.request().await? {
        if head.method == "GET" {
            function.happened.send(Happening::Polled(Instant::now()))?;
            let event = function.events.lock().await.recv().await.context("the measurement is over")?;
            connection.write(&next_answer(&event)).await?;
            continue;
        }
        let mut arrivals = Vec::new();
        let body = connection.body(&mut head, |body, _| arrivals.push((body.len(), now_us()))).await?;
        connection.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await?;
        if head.subject.ends_with("/error") {
            eprintln!("the function failed: {}", String::from_utf8_lossy(&body));
        }
        function.happened.send(Happening::Answered(Answer { body, arrivals }))?;
    }
    Ok(())
}

fn next_answer(event: &str) -> Vec<u8> {
    let now = now_us();
    let deadline_ms = now / 1000 + 60_000;
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         lambda-runtime-aws-request-id: 00000000-0000-4000-8000-{:012x}\r\n\
         lambda-runtime-deadline-ms: {deadline_ms}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:0:function:bench\r\n\r\n{event}",
        event.len(),
        now & 0xffff_ffff_ffff
    )
    .into_bytes()
}

impl Answer {
    /// When the body was longer than this, in microseconds since 1970.
    fn arrival_of(&self, place: usize) -> u64 {
        let found = self.arrivals.iter().find(|(len, _)| *len > place);
        found.map_or(u64::MAX, |(_, at)| *at)
    }

    /// When the first byte came.
    pub(crate) fn first_us(&self) -> u64 {
        self.arrival_of(0)
    }

    /// How long each piece of text was on its way, in milliseconds: texts carry the time of their making as `<time>`.
    #[expect(clippy::cast_precision_loss, reason = "the differences are small")]
    pub(crate) fn delays_ms(&self) -> Vec<f64> {
        let text = String::from_utf8_lossy(&self.body);
        let stamps = text.match_indices('<').filter_map(|(place, _)| {
            let rest = &text[place + 1..];
            let end = rest.find('>')?;
            let made = rest[..end].parse::<u64>().ok()?;
            Some(self.arrival_of(place + 1 + end).saturating_sub(made) as f64 / 1000.0)
        });
        stamps.collect()
    }
}

/// An event of a REST API.
pub(crate) fn event(method: &str, path: &str, bearer: &str, body: &Value) -> Value {
    let body = if body.is_null() { Value::Null } else { Value::from(body.to_string()) };
    let mut headers =
        json!({"host": "api.example", "content-type": "application/json", "x-forwarded-for": "203.0.113.7"});
    if !bearer.is_empty() {
        headers["authorization"] = bearer.into();
    }
    json!({
        "resource": path, "path": path, "httpMethod": method, "headers": headers, "multiValueHeaders": {},
        "queryStringParameters": null, "multiValueQueryStringParameters": null, "pathParameters": null,
        "stageVariables": null, "body": body, "isBase64Encoded": false,
        "requestContext": {
            "resourceId": "abc123", "resourcePath": path, "httpMethod": method, "path": format!("/live{path}"),
            "stage": "live", "accountId": "123456789012", "apiId": "a1b2c3", "protocol": "HTTP/1.1",
            "requestId": "11111111-2222-3333-4444-555555555555",
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "bench"},
        },
    })
}
