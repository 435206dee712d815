//! A reply in the format the client asked for.

mod plain_text;
mod ui_stream;

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base::extract::Json;
use base::{Error, Result};
use bytes::Bytes;
use domain::message::{Message, Status};
use futures_util::stream::unfold;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use uuid::Uuid;

use crate::follow::Source;
use plain_text::PlainText;
use ui_stream::UiStream;

/// A stream says that it lives after this long without news. API Gateway ends streams idle for 5 minutes.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);
const CONVERSATION_HEADER: HeaderName = HeaderName::from_static("x-conversation-id");

/// How the client wants the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The AI SDK's UI message stream.
    UiStream,
    /// The text as it comes.
    PlainText,
    /// One message, when it has ended.
    Json,
}

impl Format {
    /// The first format that `Accept` names; the UI message stream when it names none.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut types =
            accept.flat_map(|value| value.split(',')).map(|one| one.split(';').next().unwrap_or_default().trim());
        let named = types.find_map(|media_type| match media_type {
            "text/event-stream" => Some(Self::UiStream),
            "text/plain" => Some(Self::PlainText),
            "application/json" => Some(Self::Json),
            _ => None,
        });
        named.unwrap_or(Self::UiStream)
    }
}

enum Encoder {
    UiStream(UiStream),
    PlainText,
}

/// The reply as a stream, from its first part to its last, which says that it lives after so long without news.
pub(crate) fn stream(is_plain_text: bool, conversation: Uuid, source: Source, keep_alive: Duration) -> Response {
    let (encoder, content_type) = if is_plain_text {
        (Encoder::PlainText, "text/plain; charset=utf-8")
    } else {
        (Encoder::UiStream(UiStream::default()), "text/event-stream")
    };
    let chunks = unfold((encoder, source), move |(mut encoder, mut source)| async move {
        let chunk = next_chunk(&mut encoder, &mut source, keep_alive).await?;
        Some((Ok::<_, Infallible>(chunk), (encoder, source)))
    });
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Tells nginx and its like to pass each part on at once.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    if !is_plain_text {
        headers.insert("x-vercel-ai-ui-message-stream", HeaderValue::from_static("v1"));
    }
    insert_conversation(headers, conversation);
    response
}

/// The reply as one message, once it has ended. What broke off before any text is a problem, and not an empty reply.
pub(crate) fn message(reply: Message) -> Result<Response> {
    if matches!(reply.status, Status::Failed | Status::Interrupted) && reply.content.is_empty() {
        return Err(failure(reply.error_code.as_deref().unwrap_or_default()));
    }
    let conversation = reply.conversation_id;
    let mut response = Json(reply).into_response();
    insert_conversation(response.headers_mut(), conversation);
    Ok(response)
}

fn insert_conversation(headers: &mut HeaderMap, conversation: Uuid) {
    let value = HeaderValue::try_from(conversation.to_string()).expect("a UUID is plain ASCII");
    headers.insert(CONVERSATION_HEADER, value);
}

/// The answer to a client that waits for a whole message and gets none.
fn failure(error_code: &str) -> Error {
    match error_code {
        "provider_rate_limited" => Error::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "provider_rate_limited",
            "The model's provider takes no more requests at the moment. Try again soon.",
        ),
        "provider_timeout" => {
            Error::new(StatusCode::GATEWAY_TIMEOUT, "provider_timeout", "The model's provider did not answer in time.")
        }
        "provider_unauthorized" => Error::new(
            StatusCode::BAD_GATEWAY,
            "provider_unauthorized",
            "The model's provider refused the configured key.",
        ),
        // The writer's process ended; where it could not say so there is no code.
        "shut_down" | "writer_gone" | "" => {
            Error::unavailable("reply_interrupted", "The reply was interrupted before it began. Have it written anew.")
        }
        _ => Error::new(StatusCode::BAD_GATEWAY, "provider_failed", "The model's provider could not answer."),
    }
}

async fn next_chunk(encoder: &mut Encoder, source: &mut Source, keep_alive: Duration) -> Option<Bytes> {
    loop {
        let mut chunk = Vec::new();
        match (tokio::time::timeout(keep_alive, source.next()).await, &mut *encoder) {
            (Ok(parts), Encoder::UiStream(encoder)) => parts?.iter().for_each(|part| encoder.encode(part, &mut chunk)),
            (Ok(parts), Encoder::PlainText) => parts?.iter().for_each(|part| PlainText::encode(part, &mut chunk)),
            (Err(_), Encoder::UiStream(_)) => chunk.extend_from_slice(ui_stream::KEEP_ALIVE),
            (Err(_), Encoder::PlainText) => {}
        }
        if !chunk.is_empty() {
            return Some(chunk.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, expected: Format) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().expect("a header value"));
        assert_eq!(Format::from_headers(&headers), expected, "{accept}");
    }

    #[test]
    fn the_first_known_type_decides() {
        check("*/*", Format::UiStream);
        check("text/plain", Format::PlainText);
        check("application/json, text/plain, */*", Format::Json);
        check("text/html, text/event-stream;q=0.9, application/json", Format::UiStream);
        assert_eq!(Format::from_headers(&HeaderMap::new()), Format::UiStream);
    }
}
