//! The events of a streamed message. Unknown ones are passed over, as the protocol asks.

use std::collections::VecDeque;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::chat::{FinishReason, ReplyEvent, TokenUsage};
use crate::error::{ProviderError, ProviderErrorKind};
use crate::reply_stream::Progress;
use crate::vendor_error;

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Message,
    },
    ContentBlockStart {
        content_block: Piece,
    },
    ContentBlockDelta {
        delta: Piece,
    },
    MessageDelta {
        delta: Ending,
        usage: Option<Usage>,
    },
    MessageStop,
    Error {
        #[serde(default)]
        error: Value,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
struct Message {
    usage: Option<Usage>,
}

/// A block's beginning or its continuation; either may hold text.
#[derive(Debug, Deserialize)]
struct Piece {
    text: Option<String>,
    thinking: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Ending {
    stop_reason: Option<String>,
}

/// Counts are cumulative; a missing one is as it was.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the protocol's names")]
struct Usage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

/// Reads the events of one streamed message.
#[derive(Debug)]
pub(crate) struct MessagesReader {
    /// To be hidden from the vendor's messages.
    key: Option<SecretString>,
    finish_reason: Option<FinishReason>,
    usage: TokenUsage,
}

impl MessagesReader {
    pub(crate) fn new(key: Option<SecretString>) -> Self {
        Self { key, finish_reason: None, usage: TokenUsage::default() }
    }

    /// Reads one event's data; its `type` repeats the event's name.
    pub(crate) fn read(&mut self, data: &[u8], queue: &mut VecDeque<ReplyEvent>) -> Result<Progress, ProviderError> {
        match parse(data)? {
            Event::MessageStart { message } => self.add_usage(message.usage, queue),
            Event::ContentBlockStart { content_block: piece } | Event::ContentBlockDelta { delta: piece } => {
                let thinking = piece.thinking.filter(|text| !text.is_empty());
                queue.extend(thinking.map(ReplyEvent::Reasoning));
                queue.extend(piece.text.filter(|text| !text.is_empty()).map(ReplyEvent::Text));
            }
            Event::MessageDelta { delta, usage } => {
                self.add_usage(usage, queue);
                self.finish_reason = delta.stop_reason.as_deref().map(finish_reason).or(self.finish_reason);
            }
            Event::MessageStop => {
                queue.push_back(ReplyEvent::Finished(self.finish_reason.unwrap_or(FinishReason::Other)));
                return Ok(Progress::Ended);
            }
            Event::Error { error } => return Err(vendor_error::from_object(&error, self.key.as_ref())),
            Event::Unknown => {}
        }
        Ok(Progress::Going)
    }

    fn add_usage(&mut self, usage: Option<Usage>, queue: &mut VecDeque<ReplyEvent>) {
        let Some(usage) = usage else { return };
        if let Some(input) = usage.input_tokens {
            let cached = [usage.cache_creation_input_tokens, usage.cache_read_input_tokens];
            self.usage.input_tokens = cached.into_iter().flatten().fold(input, u64::saturating_add);
        }
        self.usage.output_tokens = usage.output_tokens.unwrap_or(self.usage.output_tokens);
        queue.push_back(ReplyEvent::Usage(self.usage));
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

fn parse(data: &[u8]) -> Result<Event, ProviderError> {
    // The parser's own error could quote the text, which is private.
    serde_json::from_slice(data).map_err(|error| {
        let place = format!("no JSON as expected: {:?} at column {}", error.classify(), error.column());
        ProviderError::new(ProviderErrorKind::Malformed).with_source(place)
    })
}
