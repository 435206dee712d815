//! Conversations out of files: those of ChatGPT, and our own.

pub(crate) mod chatgpt;
pub(crate) mod elements;
pub(crate) mod own;
pub(crate) mod tree;

use base::Error;
use domain::conversation::import::ImportedConversation;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

/// The longest text of one message, in bytes, as for a reply that is written here.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// The most messages of one conversation.
const MESSAGES_MAX: usize = 20_000;
/// The longest name of a model, in characters.
const MODEL_CHARS_MAX: usize = 100;
/// The longest id of elsewhere that is kept with the conversation, in bytes.
const SOURCE_ID_BYTES_MAX: usize = 200;

/// Why one conversation is not imported, as a sentence for the user.
pub(crate) type Problem = &'static str;

/// It is nothing that can be imported.
pub(crate) const UNKNOWN_KIND: Problem = "It is neither a conversation of ChatGPT nor one exported here.";

/// A conversation as it is to be stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Readable {
    /// It, with ids that follow from the user and from its id elsewhere.
    pub(crate) conversation: ImportedConversation,
    /// The id that it had here when it was exported.
    pub(crate) original_id: Option<Uuid>,
}

/// Reads one conversation of either kind. `now` is when it cannot be later than.
pub(crate) fn read(element: &[u8], user: Uuid, now: Timestamp) -> Result<Readable, Problem> {
    let value = elements::parse(element)?;
    if value.get("mapping").is_some_and(Value::is_object) {
        let conversation = chatgpt::read(&value, element, user, now)?;
        return Ok(Readable { conversation, original_id: None });
    }
    if value.get("format").and_then(Value::as_str) == Some(own::FORMAT) {
        return own::read(&value, user, now);
    }
    Err(UNKNOWN_KIND)
}

/// The answer to a file that holds nothing of the kind.
pub(crate) fn unknown_file() -> Error {
    Error::invalid("", "Send the conversations.json of a ChatGPT export, or a conversation exported as JSON here.")
}

/// The text under a key.
fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// A text as the database keeps it: every character but one.
fn keepable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The name of a model, if it can be one.
fn model_name(name: &str) -> Option<&str> {
    let is_name = (1..=MODEL_CHARS_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_name.then_some(name)
}

/// No time of elsewhere is later than now, nor before computers had clocks.
fn sane(time: Timestamp, now: Timestamp) -> Timestamp {
    time.clamp(Timestamp::UNIX_EPOCH, now)
}

/// The moment after another, as finely as the database tells them apart.
fn just_after(time: Timestamp) -> Timestamp {
    time.saturating_add(SignedDuration::from_micros(1)).unwrap_or(time)
}

#[cfg(test)]
mod tests;
