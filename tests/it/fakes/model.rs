//! A stateful stand-in for model vendors on loopback. It speaks Chat Completions, Anthropic's Messages
//! and OpenAI's `realtime/client_secrets`, records every request, and answers from a queue of scripts:
//!
//! ```ignore
//! let fake = ModelFake::start().await;
//! fake.enqueue(Script::words("Hello there").end(End::CutBefore(1)));
//! let gate = fake.gated(["One ", "two."]); // the next reply, chunk by chunk
//! gate.release(1); // "One " goes out
//! gate.finish(); // the rest and the end
//! ```
//!
//! With an empty queue it echoes: `You said: <the last user message>`.
#![allow(dead_code, reason = "each crate that includes this file uses a part of it")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

/// The largest request body that is read, in bytes.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// More permits than any script has chunks.
const OPEN: usize = 1 << 20;

/// How a scripted reply ends.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// As the protocol says.
    Complete,
    /// The connection is aborted after this many chunks.
    CutBefore(usize),
    /// All chunks come, then the body ends cleanly without reason or terminator.
    NoTerminator,
    /// All chunks come, then an error object inside the stream.
    InStreamError,
    /// All chunks come, then nothing, on an open connection.
    Stall,
    /// No reply, but this status, with headers and a body.
    Status(u16, Vec<(String, String)>, String),
    /// All chunks come, then an event that is no JSON.
    Malformed,
}

/// One scripted reply. It serves either protocol, streamed or in one piece.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// The pieces of text.
    pub(crate) chunks: Vec<String>,
    /// How many of them, from the first, are thinking (Chat Completions only).
    pub(crate) thoughts: usize,
    /// The wait before each chunk and before the end.
    pub(crate) pause: Duration,
    /// How it ends.
    pub(crate) end: End,
    /// Input and output tokens.
    pub(crate) usage: (u64, u64),
    /// In Chat Completions' words; translated for Messages.
    pub(crate) finish_reason: String,
    gate: Option<Arc<Semaphore>>,
}

impl Script {
    /// A complete reply of these chunks.
    pub(crate) fn new<T: Into<String>>(chunks: impl IntoIterator<Item = T>) -> Self {
        Self {
            chunks: chunks.into_iter().map(Into::into).collect(),
            thoughts: 0,
            pause: Duration::ZERO,
            end: End::Complete,
            usage: (7, 5),
            finish_reason: "stop".to_owned(),
            gate: None,
        }
    }

    /// A complete reply, a word per chunk.
    pub(crate) fn words(text: &str) -> Self {
        Self::new(text.split_inclusive(' '))
    }

    /// No reply but an error status.
    pub(crate) fn status(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::new([""; 0]).end(End::Status(status, headers, body.to_owned()))
    }

    /// The same with a wait before each chunk and before the end.
    pub(crate) fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// The same with so many chunks, from the first, as thinking.
    pub(crate) fn thoughts(mut self, thoughts: usize) -> Self {
        self.thoughts = thoughts;
        self
    }

    /// The same with another end.
    pub(crate) fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

/// Lets a gated reply out. When it is dropped, the rest goes out.
#[derive(Debug)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    /// Lets this many further chunks out. The end needs a release of its own.
    pub(crate) fn release(&self, chunks: usize) {
        self.0.add_permits(chunks);
    }

    /// Lets everything out, the end included.
    pub(crate) fn finish(&self) {
        self.0.add_permits(OPEN);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct RecordedRequest {
    /// The path, such as `/v1/chat/completions`.
    pub(crate) path: String,
    /// All headers, keys included.
    pub(crate) headers: HeaderMap,
    /// The JSON body; null when it is none.
    pub(crate) body: Value,
}

#[derive(Debug, Default)]
struct Recorded {
    requests: Vec<RecordedRequest>,
    scripts: VecDeque<Script>,
}

#[derive(Debug, Clone)]
struct Shared {
    recorded: Arc<Mutex<Recorded>>,
    /// How many requests arrived, and how many streamed replies were let go (ended or left).
    arrived: Arc<watch::Sender<usize>>,
    closed: Arc<watch::Sender<usize>>,
}

/// The running fake. It stops when dropped.
#[derive(Debug)]
pub(crate) struct ModelFake {
    address: std::net::SocketAddr,
    shared: Shared,
    server: tokio::task::JoinHandle<()>,
}

impl ModelFake {
    /// Starts on a free port of the loopback address.
    pub(crate) async fn start() -> Self {
        Self::start_at(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts at this address.
    pub(crate) async fn start_at(address: std::net::SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.expect("the address is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Shared {
            recorded: Arc::default(),
            arrived: Arc::new(watch::Sender::new(0)),
            closed: Arc::new(watch::Sender::new(0)),
        };
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the fake serves until it is dropped");
        });
        Self { address, shared, server }
    }

    /// The base URL for every vendor's setting.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Answers the next unscripted request so.
    pub(crate) fn enqueue(&self, script: Script) {
        self.shared.recorded.lock().expect("no holder panics").scripts.push_back(script);
    }

    /// Answers the next unscripted request with these chunks, each let out by the gate.
    pub(crate) fn gated<T: Into<String>>(&self, chunks: impl IntoIterator<Item = T>) -> Gate {
        self.gated_script(Script::new(chunks))
    }

    /// Answers the next unscripted request so, each chunk let out by the gate.
    pub(crate) fn gated_script(&self, script: Script) -> Gate {
        let gate = Arc::new(Semaphore::new(0));
        self.enqueue(Script { gate: Some(Arc::clone(&gate)), ..script });
        Gate(gate)
    }

    /// All requests so far, oldest first.
    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.recorded.lock().expect("no holder panics").requests.clone()
    }

    /// Waits until so many requests have arrived in total.
    pub(crate) async fn wait_for_requests(&self, count: usize) {
        self.shared.arrived.subscribe().wait_for(|arrived| *arrived >= count).await.expect("the sender lives");
    }

    /// Waits until so many streamed replies in total have ended or were left by their client.
    pub(crate) async fn wait_for_closed(&self, count: usize) {
        self.shared.closed.subscribe().wait_for(|closed| *closed >= count).await.expect("the sender lives");
    }
}

impl Drop for ModelFake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Completions,
    Messages,
}

async fn answer(State(shared): State<Shared>, request: Request) -> Result<Response, Infallible> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let script = {
        let mut recorded = shared.recorded.lock().expect("no holder panics");
        let request = RecordedRequest { path: path.clone(), headers: parts.headers.clone(), body: body.clone() };
        recorded.requests.push(request);
        recorded.scripts.pop_front()
    };
    shared.arrived.send_modify(|arrived| *arrived += 1);
    if let Some(Script { end: End::Status(status, headers, body), .. }) = &script {
        return Ok(status_answer(*status, headers, body));
    }
    let protocol = match path.as_str() {
        "/v1/chat/completions" => Protocol::Completions,
        "/v1/messages" => Protocol::Messages,
        "/v1/realtime/client_secrets" => return Ok(client_secret(&body)),
        _ => return Ok(refusal(StatusCode::NOT_FOUND, "no such path")),
    };
    if let Some(fault) = fault(protocol, &parts.headers, &body) {
        return Ok(refusal(StatusCode::BAD_REQUEST, fault));
    }
    let script = script.unwrap_or_else(|| echo(&body));
    if body["stream"] == true {
        let frames = Frames::new(protocol, script, body["model"].clone(), shared.closed);
        return Ok(([("content-type", "text/event-stream")], Body::from_stream(frames.into_stream())).into_response());
    }
    Ok(whole(protocol, &script, &body["model"]))
}

/// What the real servers refuse.
fn fault(protocol: Protocol, headers: &HeaderMap, body: &Value) -> Option<&'static str> {
    let no_messages = body["messages"].as_array().is_none_or(Vec::is_empty);
    match protocol {
        _ if no_messages => Some("messages: at least one is required"),
        _ if !body["temperature"].is_null() => Some("temperature: not supported with this model"),
        Protocol::Messages if !headers.contains_key("anthropic-version") => Some("anthropic-version: required"),
        Protocol::Messages if !body["max_tokens"].is_u64() => Some("max_tokens: required"),
        _ => None,
    }
}

fn echo(body: &Value) -> Script {
    let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let user = messages.iter().rev().find(|message| message["role"] == "user");
    let text = user.and_then(|message| message["content"].as_str()).unwrap_or_default();
    Script::words(&format!("You said: {text}"))
}

fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}

fn refusal(status: StatusCode, message: &str) -> Response {
    json_answer(status, &json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}}))
}

fn status_answer(status: u16, headers: &[(String, String)], body: &str) -> Response {
    let mut answer = Response::new(Body::from(body.to_owned()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("the script has a valid status");
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().expect("the script has a valid header name");
        answer.headers_mut().insert(name, value.parse().expect("the script has a valid header value"));
    }
    answer
}

fn client_secret(body: &Value) -> Response {
    let session = &body["session"];
    json_answer(StatusCode::OK, &json!({"value": "ek_fake", "expires_at": 1_800_000_000, "session": session}))
}

fn stop_reason(finish_reason: &str) -> &str {
    match finish_reason {
        "stop" => "end_turn",
        "length" => "max_tokens",
        "content_filter" => "refusal",
        other => other,
    }
}

fn whole(protocol: Protocol, script: &Script, model: &Value) -> Response {
    let (input, output) = script.usage;
    let (text, reason) = (script.chunks.concat(), &script.finish_reason);
    let body = match protocol {
        Protocol::Completions => json!({
            "object": "chat.completion", "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}],
            "usage": {"prompt_tokens": input, "completion_tokens": output},
        }),
        Protocol::Messages => json!({
            "type": "message", "role": "assistant", "model": model, "content": [{"type": "text", "text": text}],
            "stop_reason": stop_reason(reason), "usage": {"input_tokens": input, "output_tokens": output},
        }),
    };
    json_answer(StatusCode::OK, &body)
}

/// Counts a reply as closed, however its body goes.
struct Closing(Arc<watch::Sender<usize>>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.send_modify(|closed| *closed += 1);
    }
}

/// A streamed reply on its way out.
struct Frames {
    protocol: Protocol,
    script: Script,
    model: Value,
    /// The next chunk's number.
    next: usize,
    ended: bool,
    _closing: Closing,
}

impl Frames {
    fn new(protocol: Protocol, script: Script, model: Value, closed: Arc<watch::Sender<usize>>) -> Self {
        Self { protocol, script, model, next: 0, ended: false, _closing: Closing(closed) }
    }

    fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> {
        stream::unfold(self, |mut frames| async move { frames.next_frame().await.map(|frame| (frame, frames)) })
    }

    async fn next_frame(&mut self) -> Option<io::Result<Bytes>> {
        if self.ended {
            return None;
        }
        if let Some(gate) = &self.script.gate {
            gate.acquire().await.expect("the gate is never closed").forget();
        }
        tokio::time::sleep(self.script.pause).await;
        if matches!(self.script.end, End::CutBefore(count) if count == self.next) {
            self.ended = true;
            return Some(Err(io::Error::other("cut by the script")));
        }
        let opening = if self.next == 0 { self.opening() } else { String::new() };
        let Some(chunk) = self.script.chunks.get(self.next) else {
            self.ended = true;
            return Some(Ok(Bytes::from(opening + &self.ending().await)));
        };
        self.next += 1;
        Some(Ok(Bytes::from(opening + &self.text(chunk))))
    }

    fn opening(&self) -> String {
        match self.protocol {
            Protocol::Completions => frame(
                &json!({"model": self.model, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}),
            ),
            Protocol::Messages => {
                let usage = json!({"input_tokens": self.script.usage.0, "output_tokens": 1});
                let message = json!({"role": "assistant", "model": self.model, "content": [], "usage": usage});
                let block =
                    json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
                frame(&json!({"type": "message_start", "message": message}))
                    + &frame(&block)
                    + &frame(&json!({"type": "ping"}))
            }
        }
    }

    fn text(&self, text: &str) -> String {
        frame(&match self.protocol {
            Protocol::Completions => {
                let kind = if self.next <= self.script.thoughts { "reasoning_content" } else { "content" };
                let choice = json!({"index": 0, "delta": {kind: text}, "finish_reason": null});
                json!({"model": self.model, "choices": [choice], "usage": null})
            }
            Protocol::Messages => {
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
            }
        })
    }

    async fn ending(&self) -> String {
        match self.script.end {
            End::NoTerminator | End::CutBefore(_) | End::Status(..) => String::new(),
            End::InStreamError => {
                frame(&json!({"type": "error", "error": {"type": "overloaded_error", "message": "scripted"}}))
            }
            End::Malformed => "data: {\"choices\": [\n\n".to_owned(),
            End::Stall => std::future::pending().await,
            End::Complete => self.proper_ending(),
        }
    }

    fn proper_ending(&self) -> String {
        let (input, output) = self.script.usage;
        let reason = self.script.finish_reason.as_str();
        match self.protocol {
            Protocol::Completions => {
                let usage = json!({"prompt_tokens": input, "completion_tokens": output});
                let finish = frame(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}));
                finish + &frame(&json!({"choices": [], "usage": usage})) + "data: [DONE]\n\n"
            }
            Protocol::Messages => {
                let delta = json!({"stop_reason": stop_reason(reason)});
                let delta = json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": output}});
                let stop = json!({"type": "content_block_stop", "index": 0});
                frame(&stop) + &frame(&delta) + &frame(&json!({"type": "message_stop"}))
            }
        }
    }
}

/// One event; Messages names its events by their type.
fn frame(data: &Value) -> String {
    let name = data["type"].as_str().map(|name| format!("event: {name}\n")).unwrap_or_default();
    format!("{name}data: {data}\n\n")
}
