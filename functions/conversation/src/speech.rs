//! A reply as server-sent events, a speakable sentence each.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base::request::{self, Request};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use http::{HeaderValue, header};
use providers::{ProviderError, ReplyEvent, ReplyStream};
use serde::Serialize;
use utoipa::ToSchema;

use crate::hold_conversation::{Usage, note};
use crate::sentences::Sentences;

/// One event of a spoken reply: the `data` of a server-sent event. The last is `done` or `error`; a stream that
/// ends without either was cut.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum SpeechEvent {
    /// The model has begun to answer.
    Start {
        /// The model asked.
        model: String,
    },
    /// The next sentence, with the white space that follows it. All of them together are the response.
    Sentence {
        /// The sentence.
        text: String,
    },
    /// The reply is whole.
    Done {
        /// The model asked.
        model: String,
        /// Why it ended: `stop`, `length`, `content-filter`, `tool-calls`, `other`.
        finish_reason: &'static str,
        /// What it cost, if the provider told.
        usage: Option<Usage>,
    },
    /// The reply broke off.
    Error {
        /// A stable name.
        code: &'static str,
        /// What happened.
        detail: String,
    },
}

struct Speaking {
    /// The request being answered, for its log line.
    request: Option<Request>,
    reply: ReplyStream,
    model: String,
    sentences: Sentences,
    usage: Option<Usage>,
    has_begun: bool,
    is_over: bool,
}

/// The reply as it is spoken.
pub(crate) fn speak(reply: ReplyStream, model: String) -> Response {
    let speaking = Speaking {
        request: request::current(),
        reply,
        model,
        sentences: Sentences::default(),
        usage: None,
        has_begun: false,
        is_over: false,
    };
    let chunks = unfold(speaking, async |mut speaking| {
        let chunk = speaking.next().await?;
        Some((Ok::<_, Infallible>(chunk), speaking))
    });
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

impl Speaking {
    /// The next events, or `None` after the last.
    async fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        if !self.has_begun {
            self.has_begun = true;
            self.note();
            write(&mut out, &SpeechEvent::Start { model: self.model.clone() });
            return Some(out.into());
        }
        while out.is_empty() && !self.is_over {
            match self.reply.next().await {
                Some(Ok(ReplyEvent::Text(text))) => {
                    for text in self.sentences.push(&text) {
                        write(&mut out, &SpeechEvent::Sentence { text });
                    }
                }
                Some(Ok(ReplyEvent::Usage(usage))) => {
                    self.usage = Some(usage.into());
                    self.note();
                }
                Some(Ok(ReplyEvent::Reasoning(_))) => {}
                Some(Ok(ReplyEvent::Finished(reason))) => {
                    self.flush(&mut out);
                    let (model, finish_reason) = (self.model.clone(), reason.as_str());
                    write(&mut out, &SpeechEvent::Done { model, finish_reason, usage: self.usage });
                }
                Some(Err(error)) => self.break_off(&mut out, &error),
                None => self.is_over = true,
            }
        }
        (!out.is_empty()).then(|| out.into())
    }

    /// The body is written after the handler has returned, so the log line is reached through the request.
    fn note(&self) {
        if let Some(request) = &self.request {
            request.note(|notes| note(notes, &self.model, self.usage));
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        self.is_over = true;
        for text in std::mem::take(&mut self.sentences).finish() {
            write(out, &SpeechEvent::Sentence { text });
        }
    }

    fn break_off(&mut self, out: &mut Vec<u8>, error: &ProviderError) {
        let request_id = self.request.as_ref().map(Request::id);
        tracing::warn!(request_id, kind = error.kind().as_str(), %error, "a spoken reply broke off");
        self.flush(out);
        write(out, &SpeechEvent::Error { code: error.kind().as_str(), detail: error.to_string() });
    }
}

fn write(out: &mut Vec<u8>, event: &SpeechEvent) {
    out.extend_from_slice(b"data: ");
    // Writing JSON into memory cannot fail.
    let _written = serde_json::to_writer(&mut *out, event);
    out.extend_from_slice(b"\n\n");
}
