//! What is sent for one response: metadata, then the body.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;

use axum::body::Body;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, response};
use http_body::Frame;
use http_body_util::BodyStream;
use serde::Serialize;

pub(super) const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");
pub(super) const ERROR_BODY: HeaderName = HeaderName::from_static("lambda-runtime-function-error-body");
/// Ends the metadata, by Lambda's rule.
const METADATA_END: &[u8] = &[0; 8];
/// Headers about one connection. The gateway frames the body anew; a length among the metadata makes
/// some gateways cut the stream off.
const FRAMING_HEADERS: [HeaderName; 3] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];

/// Status and headers, as they go before the body.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    status_code: u16,
    headers: BTreeMap<String, String>,
    cookies: Vec<String>,
}

/// The metadata, its end, and the body.
///
/// A body that breaks off ends in error trailers, so that Lambda fails the response and nobody takes
/// it for whole; a panic in it must not take the connection, and with it the process, down.
pub(super) fn frames(
    parts: &response::Parts,
    body: Body,
    request_id: String,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + use<> {
    let body = AssertUnwindSafe(BodyStream::new(body)).catch_unwind().map(move |frame| {
        let error = match frame {
            Ok(Ok(frame)) => return Ok(frame),
            Ok(Err(error)) => error.to_string(),
            Err(_panic) => "panic".to_owned(),
        };
        tracing::error!(request_id, error, "the response broke off");
        Ok(Frame::trailers(broken_off()))
    });
    // Two frames, because `cargo lambda watch` takes the first to be the metadata and nothing else.
    let head = [metadata(parts), Bytes::from_static(METADATA_END)];
    stream::iter(head.map(|part| Ok(Frame::data(part)))).chain(body)
}

fn metadata(parts: &response::Parts) -> Bytes {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let names = parts.headers.keys().filter(|name| **name != SET_COOKIE && !FRAMING_HEADERS.contains(name));
    let metadata = Metadata {
        status_code: parts.status.as_u16(),
        // The gateway takes one text for each name; a list's items may always be joined (RFC 9110, 5.3).
        headers: names
            .map(|name| (name.to_string(), parts.headers.get_all(name).iter().map(text).collect::<Vec<_>>().join(", ")))
            .collect(),
        cookies: parts.headers.get_all(SET_COOKIE).iter().map(text).collect(),
    };
    serde_json::to_vec(&metadata).expect("texts and numbers always serialise").into()
}

fn broken_off() -> HeaderMap {
    let body = BASE64_STANDARD.encode(r#"{"errorType":"BrokenOff","errorMessage":"The response broke off."}"#);
    let body = HeaderValue::try_from(body).expect("base64 is plain ASCII");
    HeaderMap::from_iter([(ERROR_TYPE, HeaderValue::from_static("BrokenOff")), (ERROR_BODY, body)])
}

#[cfg(test)]
mod tests {
    use axum::response::{IntoResponse, Response};
    use http::StatusCode;

    use super::*;

    async fn sent(response: Response) -> (Vec<u8>, Option<HeaderMap>) {
        let (parts, body) = response.into_parts();
        let (mut data, mut trailers) = (Vec::new(), None);
        let frames: Vec<_> = frames(&parts, body, "id".to_owned()).collect().await;
        for Ok(frame) in frames {
            match frame.into_data() {
                Ok(bytes) => data.extend_from_slice(&bytes),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        (data, trailers)
    }

    #[tokio::test]
    async fn puts_status_and_headers_before_the_body() {
        let headers = [("vary", "origin"), ("content-length", "2"), ("set-cookie", "a=1"), ("x-many", "one")];
        let mut response = (StatusCode::CREATED, headers, "hi").into_response();
        response.headers_mut().append("x-many", HeaderValue::from_static("two"));
        response.headers_mut().append("set-cookie", HeaderValue::from_static("b=2"));
        let (data, trailers) = sent(response).await;
        let expected = concat!(
            r#"{"statusCode":201,"headers":{"content-type":"text/plain; charset=utf-8","vary":"origin","x-many":"one, two"},"#,
            r#""cookies":["a=1","b=2"]}"#,
            "\0\0\0\0\0\0\0\0hi"
        );
        assert_eq!(String::from_utf8_lossy(&data), expected);
        assert!(trailers.is_none());
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_ends_in_error_trailers() {
        let chunks = stream::iter([Ok("half"), Err("connection 10.0.0.1 lost")]);
        let (data, trailers) = sent(Body::from_stream(chunks).into_response()).await;
        assert!(data.ends_with(b"\0half"));
        let trailers = trailers.expect("trailers");
        assert_eq!(trailers[ERROR_TYPE], "BrokenOff");
        let told = BASE64_STANDARD.decode(&trailers[ERROR_BODY]).expect("base64");
        assert!(!String::from_utf8_lossy(&told).contains("10.0.0.1"), "the cause stays in the log");
    }

    #[tokio::test]
    async fn a_panic_in_the_body_is_a_break_too() {
        let chunks = stream::iter(["half", ""]).map(|chunk| {
            assert!(!chunk.is_empty(), "a fault in a producer");
            Ok::<_, Infallible>(chunk)
        });
        let (data, trailers) = sent(Body::from_stream(chunks).into_response()).await;
        assert!(data.ends_with(b"\0half"));
        assert!(trailers.is_some());
    }
}
