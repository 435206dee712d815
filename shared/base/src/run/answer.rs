//! Answers to the Lambda Runtime API, without Nagle's delay.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderName, TRAILER, TRANSFER_ENCODING};
use http::{HeaderValue, Request};
use http_body_util::StreamBody;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambda_http::lambda_runtime::LambdaInvocation;
use serde_json::Value;

use super::body::{self, ERROR_BODY, ERROR_TYPE};

const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
const RESPONSE_MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");
/// Tells Lambda that status and headers precede the body.
const WITH_METADATA: &str = "application/vnd.awslambda.http-integration-response";
/// The invocation that an answer belongs to.
#[derive(Debug)]
pub(super) struct ReplyTo {
    pub(super) request_id: String,
    /// Echoed, so that Lambda can refuse the late answer of an invocation that has timed out.
    invocation_id: Option<HeaderValue>,
}

impl ReplyTo {
    pub(super) fn of(invocation: &LambdaInvocation) -> Self {
        Self {
            request_id: invocation.context.request_id.clone(),
            invocation_id: invocation.parts.headers.get(INVOCATION_ID).cloned(),
        }
    }
}

/// A client of the Runtime API that sends each chunk at once. Clones share its connections.
#[derive(Debug, Clone)]
pub(super) struct RuntimeApi {
    base: String,
    client: Client<HttpConnector, Body>,
}

impl RuntimeApi {
    /// A client for the API at `address`.
    pub(super) fn new(address: &str) -> Self {
        let base = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        Self { base, client: client(true) }
    }

    /// Streams a response to the end.
    pub(super) async fn answer(&self, to: &ReplyTo, response: Response) -> Result<(), lambda_http::Error> {
        let (parts, body) = response.into_parts();
        let frames = body::frames(&parts, body, to.request_id.clone());
        let request = self
            .post(to, "response")
            .header(RESPONSE_MODE, "streaming")
            .header(CONTENT_TYPE, WITH_METADATA)
            .header(TRANSFER_ENCODING, "chunked")
            .header(TRAILER, format!("{ERROR_TYPE}, {ERROR_BODY}"))
            .body(Body::new(StreamBody::new(frames)))?;
        self.send(to, request).await
    }

    /// Answers an event whose source wants JSON.
    pub(super) async fn complete(&self, to: &ReplyTo, result: &Value) -> Result<(), lambda_http::Error> {
        let request = self.post(to, "response").header(CONTENT_TYPE, "application/json");
        self.send(to, request.body(Body::from(result.to_string()))?).await
    }

    /// Tells Lambda that there is no response.
    pub(super) async fn fail(&self, to: &ReplyTo, kind: &'static str, message: &str) -> Result<(), lambda_http::Error> {
        let body = serde_json::json!({"errorType": kind, "errorMessage": message}).to_string();
        let request = self.post(to, "error").header(ERROR_TYPE, kind).body(Body::from(body))?;
        self.send(to, request).await
    }

    fn post(&self, to: &ReplyTo, what: &str) -> http::request::Builder {
        let uri = format!("{}/2018-06-01/runtime/invocation/{}/{what}", self.base.trim_end_matches('/'), to.request_id);
        let request = Request::post(uri);
        match &to.invocation_id {
            Some(id) => request.header(INVOCATION_ID, id),
            None => request,
        }
    }

    async fn send(&self, to: &ReplyTo, request: Request<Body>) -> Result<(), lambda_http::Error> {
        let status = self.client.request(request).await?.status();
        if !status.is_success() {
            // The invocation has timed out, say. The next one may well succeed, so this is no end.
            tracing::error!(request_id = to.request_id, status = status.as_u16(), "Lambda did not take the answer");
        }
        Ok(())
    }
}

fn client(nodelay: bool) -> Client<HttpConnector, Body> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(nodelay);
    Client::builder(TokioExecutor::new()).build(connector)
}

// Linux only, as the rules of delayed acknowledgement are each system's own.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::{Duration, Instant};

    use axum::response::IntoResponse;
    use bytes::Bytes;
    use futures_util::{StreamExt, stream};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
    /// A connection's first answers are acknowledged at once; Linux delays acknowledgements only later.
    const ANSWERS: usize = 4;
    const CHUNKS: usize = 6;
    const CHUNK_START: &str = "chunk ";
    const CHUNK_BYTES: usize = CHUNK_START.len() + 9;

    /// How long the chunks of the last of several answers took to arrive. They are sent into the wait for the
    /// acknowledgement of what went before, as a model's tokens are.
    async fn delays(nodelay: bool) -> Vec<Duration> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let api = RuntimeApi { base, client: client(nodelay) };
        let to = ReplyTo { request_id: "id".to_owned(), invocation_id: None };
        let started = Instant::now();
        let received = tokio::spawn(receive(listener, started));
        for _ in 0..ANSWERS {
            let chunks = stream::iter(0..CHUNKS).then(move |_| async move {
                tokio::time::sleep(Duration::from_millis(3)).await;
                let chunk = format!("{CHUNK_START}{:09}", started.elapsed().as_micros());
                Ok::<_, std::convert::Infallible>(Bytes::from(chunk))
            });
            api.answer(&to, Body::from_stream(chunks).into_response()).await.expect("the answer is taken");
        }
        received.await.expect("the receiver ends")
    }

    async fn receive(listener: TcpListener, started: Instant) -> Vec<Duration> {
        let (mut connection, _) = listener.accept().await.expect("one connection is used for all");
        let mut delays = Vec::new();
        for _ in 0..ANSWERS {
            delays = receive_answer(&mut connection, started).await;
            connection
                .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
                .await
                .expect("the reply is sent");
        }
        delays
    }

    async fn receive_answer(connection: &mut TcpStream, started: Instant) -> Vec<Duration> {
        let (mut text, mut delays) = (String::new(), Vec::new());
        while !text.ends_with("0\r\n\r\n") {
            let mut part = [0; 4096];
            let len = connection.read(&mut part).await.expect("the request goes on");
            text.push_str(&String::from_utf8_lossy(&part[..len]));
            for (at, _) in text.match_indices(CHUNK_START).skip(delays.len()) {
                let sent_us = text[at + CHUNK_START.len()..at + CHUNK_BYTES].parse().expect("a chunk carries its time");
                delays.push(started.elapsed().saturating_sub(Duration::from_micros(sent_us)));
            }
        }
        delays
    }

    #[tokio::test]
    async fn sends_each_chunk_at_once() {
        let held_back = delays(false).await.iter().sum::<Duration>();
        let mut at_once = Duration::MAX;
        // The best of three, since others may keep the machine busy.
        for _ in 0..3 {
            at_once = at_once.min(delays(true).await.iter().sum());
        }
        assert!(at_once < held_back / 3, "{at_once:?} without Nagle's algorithm, {held_back:?} with it");
    }

    #[tokio::test]
    async fn tells_a_broken_body_in_trailers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let api = RuntimeApi::new(&listener.local_addr().expect("an address").to_string());
        let received = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.expect("a connection");
            let mut text = String::new();
            // The last chunk is empty; trailers follow it, and an empty line ends them.
            while !text.split_once("\r\n0\r\n").is_some_and(|(_, rest)| rest.ends_with("\r\n\r\n")) {
                let mut part = [0; 4096];
                let len = connection.read(&mut part).await.expect("the request goes on");
                text.push_str(&String::from_utf8_lossy(&part[..len]));
            }
            connection.write_all(ACCEPTED).await.expect("the reply is sent");
            text
        });
        let chunks = stream::iter([Ok("half"), Err("the provider hung up")]);
        let to = ReplyTo { request_id: "id".to_owned(), invocation_id: Some(HeaderValue::from_static("this-one")) };
        api.answer(&to, Body::from_stream(chunks).into_response()).await.expect("the answer is taken");
        let text = received.await.expect("the receiver ends");
        assert!(text.starts_with("POST /2018-06-01/runtime/invocation/id/response HTTP/1.1\r\n"), "{text}");
        assert!(text.contains("\r\nlambda-runtime-invocation-id: this-one\r\n"), "{text}");
        assert!(text.contains("\r\n0\r\nlambda-runtime-function-error-type: BrokenOff\r\n"), "{text}");
    }
}
