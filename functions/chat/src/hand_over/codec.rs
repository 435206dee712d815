//! Parts as bytes. A reply is one sequence of bytes, cut into batches anywhere; each batch begins with the version.
//!
//! A part is a byte that tells its kind, then its fields: ids as they are, numbers seven bits to a byte and the
//! lowest first (LEB128), texts as their length and UTF-8. A delta of less than 128 bytes thus costs two
//! bytes more than its text.

use std::sync::Arc;

use domain::message::Usage;
use uuid::Uuid;

use super::Unreadable;
use crate::live::{Part, known_reason};

/// Of everything below. Who reads another version reads the row instead.
const VERSION: u8 = 1;
/// The longest text that is believed, in bytes; a reply's text is at most 1 MiB.
const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;

const START: u8 = 1;
const TITLE: u8 = 2;
const TEXT_START: u8 = 3;
const TEXT: u8 = 4;
const TEXT_END: u8 = 5;
const REASONING_START: u8 = 6;
const REASONING: u8 = 7;
const REASONING_END: u8 = 8;
const FINISH: u8 = 9;
const ABORT: u8 = 10;
const ERROR: u8 = 11;

/// Adds parts to what is to be handed over.
pub(super) fn encode(parts: &[Part], out: &mut Vec<u8>) {
    for part in parts {
        match part {
            Part::Start { reply_id, conversation_id, question_id, model } => {
                out.push(START);
                out.extend([reply_id, conversation_id, question_id].into_iter().flat_map(Uuid::as_bytes));
                put_text(model, out);
            }
            Part::Title { conversation_id, title } => {
                out.push(TITLE);
                out.extend(conversation_id.as_bytes());
                put_text(title, out);
            }
            Part::TextStart => out.push(TEXT_START),
            Part::Text(text) => {
                out.push(TEXT);
                put_text(text, out);
            }
            Part::TextEnd => out.push(TEXT_END),
            Part::ReasoningStart => out.push(REASONING_START),
            Part::Reasoning(text) => {
                out.push(REASONING);
                put_text(text, out);
            }
            Part::ReasoningEnd => out.push(REASONING_END),
            Part::Finish { reason, usage } => {
                out.push(FINISH);
                put_text(reason, out);
                put_number(usage.input_tokens.unsigned_abs(), out);
                put_number(usage.output_tokens.unsigned_abs(), out);
                out.push(u8::from(usage.estimated));
            }
            Part::Abort => out.push(ABORT),
            Part::Error { code, detail } => {
                out.push(ERROR);
                put_text(code, out);
                put_text(detail, out);
            }
        }
    }
}

/// A batch of what was encoded.
pub(super) fn batch(bytes: &[u8]) -> Vec<u8> {
    [&[VERSION], bytes].concat()
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_number(text.len() as u64, out);
    out.extend(text.as_bytes());
}

fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push(low_bits(number) | 0x80);
        number >>= 7;
    }
    out.push(low_bits(number));
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7f).expect("seven bits fit")
}

/// Reads batches, and keeps the beginning of a part that goes on in the next one.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    unread: Vec<u8>,
}

impl Decoder {
    /// Adds the parts that this batch completes.
    pub(super) fn read(&mut self, batch: &[u8], parts: &mut Vec<Part>) -> Result<(), Unreadable> {
        let bytes = batch.strip_prefix(&[VERSION]).ok_or(Unreadable)?;
        self.unread.extend_from_slice(bytes);
        let mut rest = self.unread.as_slice();
        loop {
            let mut reader = Reader(rest);
            match reader.part() {
                Ok(part) => parts.push(part),
                Err(Fault::Incomplete) => break,
                Err(Fault::Unreadable) => return Err(Unreadable),
            }
            rest = reader.0;
        }
        let read = self.unread.len() - rest.len();
        self.unread.drain(..read);
        Ok(())
    }
}

/// Why a part cannot be read.
enum Fault {
    /// The rest of it has not come yet.
    Incomplete,
    /// It is nothing that this version knows.
    Unreadable,
}

/// What has not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn part(&mut self) -> Result<Part, Fault> {
        Ok(match self.byte()? {
            START => Part::Start {
                reply_id: self.id()?,
                conversation_id: self.id()?,
                question_id: self.id()?,
                model: self.text()?,
            },
            TITLE => Part::Title { conversation_id: self.id()?, title: self.text()? },
            TEXT_START => Part::TextStart,
            TEXT => Part::Text(self.text()?),
            TEXT_END => Part::TextEnd,
            REASONING_START => Part::ReasoningStart,
            REASONING => Part::Reasoning(self.text()?),
            REASONING_END => Part::ReasoningEnd,
            FINISH => {
                let reason = known_reason(Some(&self.text()?));
                let (input_tokens, output_tokens) = (self.count()?, self.count()?);
                Part::Finish { reason, usage: Usage { input_tokens, output_tokens, estimated: self.byte()? != 0 } }
            }
            ABORT => Part::Abort,
            ERROR => Part::Error { code: self.text()?.to_string().into(), detail: self.text()? },
            _ => return Err(Fault::Unreadable),
        })
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Fault::Incomplete)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        self.bytes(1).map(|byte| byte[0])
    }

    fn id(&mut self) -> Result<Uuid, Fault> {
        Uuid::from_slice(self.bytes(16)?).map_err(|_| Fault::Unreadable)
    }

    fn number(&mut self) -> Result<u64, Fault> {
        let mut number = 0;
        // Nine times seven bits hold the largest `i64`.
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Fault::Unreadable)
    }

    fn count(&mut self) -> Result<i64, Fault> {
        i64::try_from(self.number()?).map_err(|_| Fault::Unreadable)
    }

    fn text(&mut self) -> Result<Arc<str>, Fault> {
        let len = self.number()?;
        let len = usize::try_from(len).ok().filter(|_| len <= TEXT_BYTES_MAX).ok_or(Fault::Unreadable)?;
        str::from_utf8(self.bytes(len)?).map(Arc::from).map_err(|_| Fault::Unreadable)
    }
}

#[cfg(test)]
mod tests;
