//! What compatible servers send: chunks, whole completions, and errors inside either. Fields that are
//! missing, null or unknown are no fault; several servers differ in them.

use std::collections::VecDeque;
use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::chat::{Completion, FinishReason, ReplyEvent, TokenUsage};
use crate::error::{ProviderError, ProviderErrorKind};
use crate::reply_stream::Progress;
use crate::vendor_error;

/// The last event of a stream.
const DONE: &[u8] = b"[DONE]";

#[derive(Debug, Deserialize)]
struct Chunk {
    model: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    /// A piece of the reply, in a stream.
    delta: Option<Message>,
    /// The whole reply, else.
    message: Option<Message>,
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Message {
    #[serde(default, deserialize_with = "lenient_text")]
    content: Option<String>,
    #[serde(default, deserialize_with = "lenient_text")]
    refusal: Option<String>,
    #[serde(default, deserialize_with = "lenient_text")]
    reasoning_content: Option<String>,
    #[serde(default, deserialize_with = "lenient_text")]
    reasoning: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

impl From<Usage> for TokenUsage {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.prompt_tokens.unwrap_or_default(),
            output_tokens: usage.completion_tokens.unwrap_or_default(),
        }
    }
}

/// Reads the events of one streamed reply.
#[derive(Debug)]
pub(crate) struct CompletionsReader {
    /// To be hidden from vendors' messages.
    key: Option<SecretString>,
    finish_reason: Option<FinishReason>,
    usage: Option<TokenUsage>,
}

impl CompletionsReader {
    pub(crate) fn new(key: Option<SecretString>) -> Self {
        Self { key, finish_reason: None, usage: None }
    }

    /// Reads one event's data. The end is held back until `[DONE]`, as the usage follows the reason.
    pub(crate) fn read(&mut self, data: &[u8], queue: &mut VecDeque<ReplyEvent>) -> Result<Progress, ProviderError> {
        if data.trim_ascii() == DONE {
            if self.finish(queue) {
                return Ok(Progress::Ended);
            }
            let error = ProviderError::new(ProviderErrorKind::Interrupted);
            return Err(error.with_source("the end came without a finish_reason"));
        }
        let chunk: Chunk = parse(data)?;
        if let Some(error) = &chunk.error {
            return Err(vendor_error::from_object(error, self.key.as_ref()));
        }
        for choice in chunk.choices.into_iter().flatten() {
            let message = choice.delta.or(choice.message).unwrap_or_default();
            // Servers that send both fields send the same text in them.
            let reasoning = message.reasoning_content.or(message.reasoning).filter(|text| !text.is_empty());
            queue.extend(reasoning.map(ReplyEvent::Reasoning));
            let texts = [message.content, message.refusal].into_iter().flatten().filter(|text| !text.is_empty());
            queue.extend(texts.map(ReplyEvent::Text));
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                self.finish_reason = Some(finish_reason(&reason)?);
            }
        }
        // Some servers repeat the usage so far in every chunk.
        if let Some(usage) = chunk.usage.map(TokenUsage::from).filter(|usage| self.usage != Some(*usage)) {
            self.usage = Some(usage);
            queue.push_back(ReplyEvent::Usage(usage));
        }
        Ok(Progress::Going)
    }

    /// Puts the end into the queue when the reply is whole; false when it is not.
    pub(crate) fn finish(&mut self, queue: &mut VecDeque<ReplyEvent>) -> bool {
        queue.extend(self.finish_reason.map(ReplyEvent::Finished));
        self.finish_reason.is_some()
    }
}

/// Reads a reply that came in one piece.
pub(crate) fn read_completion(body: &[u8], key: Option<&SecretString>) -> Result<Completion, ProviderError> {
    let answer: Chunk = parse(body)?;
    if let Some(error) = &answer.error {
        return Err(vendor_error::from_object(error, key));
    }
    let choice = answer.choices.into_iter().flatten().next();
    let Some(Choice { message: Some(message), finish_reason: Some(reason), .. }) = choice else {
        return Err(ProviderError::new(ProviderErrorKind::Malformed).with_source("no finished choice in the answer"));
    };
    Ok(Completion {
        text: message.content.or(message.refusal).unwrap_or_default(),
        model: answer.model.unwrap_or_default(),
        finish_reason: finish_reason(&reason)?,
        usage: answer.usage.map(TokenUsage::from),
    })
}

/// The reason that a vendor's word means. OpenRouter ends a broken reply with the reason `error`.
fn finish_reason(reason: &str) -> Result<FinishReason, ProviderError> {
    Ok(match reason {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "error" => return Err(ProviderError::new(ProviderErrorKind::Unavailable).with_source("finish_reason error")),
        _ => FinishReason::Other,
    })
}

fn parse(data: &[u8]) -> Result<Chunk, ProviderError> {
    // The parser's error tells only the place and what was expected; the text itself could be private.
    serde_json::from_slice(data).map_err(|error| {
        let place = format!("no JSON as expected: {:?} at column {}", error.classify(), error.column());
        ProviderError::new(ProviderErrorKind::Malformed).with_source(place)
    })
}

/// A text, or the texts of a list of parts, as some servers send them. Anything else is no text.
fn lenient_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(LenientText)
}

struct LenientText;

#[derive(Deserialize)]
struct Part {
    #[serde(default, deserialize_with = "lenient_text")]
    text: Option<String>,
}

impl<'de> Visitor<'de> for LenientText {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list of parts, or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let mut texts = String::new();
        while let Some(part) = parts.next_element::<Part>()? {
            texts.push_str(part.text.as_deref().unwrap_or_default());
        }
        Ok(Some(texts))
    }
}
