//! Server-sent events (the WHATWG `text/event-stream` format), decoded as their bytes arrive.
//!
//! [`SseDecoder`] takes any chunking of the bytes and lends each event out without copying where it
//! can: an event whose `data` is one line of one chunk is a slice of that chunk. The fields `id` and
//! `retry` are ignored, as the answer to a POST cannot be resumed.

use std::fmt;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// The longest line, in bytes. Vendors send one JSON object per line; theirs stay below a few kilobytes.
pub const LINE_BYTES_MAX: usize = 256 * 1024;
/// The most data of one event, in bytes, over all its lines.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event, borrowed from its decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The event's name, `message` unless the stream says otherwise.
    pub name: &'a [u8],
    /// The data lines, joined by line feeds. Whether they are UTF-8 is the reader's to judge.
    pub data: &'a [u8],
}

/// A stream that is over a limit. The decoder is of no use afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SseError {
    /// A line is longer than [`LINE_BYTES_MAX`].
    LineTooLong,
    /// An event's data is longer than [`EVENT_BYTES_MAX`].
    EventTooLong,
}

impl fmt::Display for SseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineTooLong => "a line of the event stream is too long",
            Self::EventTooLong => "an event of the event stream is too long",
        })
    }
}

impl std::error::Error for SseError {}

/// Where the data of the event being read is.
#[derive(Debug, Default)]
enum Data {
    /// No `data` field was seen: such an event is not dispatched.
    #[default]
    Absent,
    /// One line, still inside the current chunk.
    InChunk(Range<usize>),
    /// In `SseDecoder::gathered`.
    Gathered,
}

/// An incremental decoder: [`push`](Self::push) a chunk, then take events until there is none.
#[derive(Debug, Default)]
pub struct SseDecoder {
    chunk: Bytes,
    position: usize,
    /// The beginning of a line whose end has not arrived yet.
    partial_line: Vec<u8>,
    gathered: Vec<u8>,
    data: Data,
    name: Vec<u8>,
    /// The last chunk ended in a carriage return; a line feed now belongs to it.
    after_carriage_return: bool,
    /// The first line is done, so no byte order mark can come any more.
    past_first_line: bool,
    /// The event in the fields above was lent out and is to be cleared.
    lent: bool,
}

impl SseDecoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next bytes of the stream.
    pub fn push(&mut self, chunk: Bytes) {
        if self.position == self.chunk.len() {
            self.leave_chunk();
            self.chunk = chunk;
        } else {
            // The caller left events untaken. Nothing may point into a chunk that is replaced.
            let position = self.position;
            let mut joined = BytesMut::with_capacity(self.chunk.len() - position + chunk.len());
            joined.extend_from_slice(&self.chunk[position..]);
            joined.extend_from_slice(&chunk);
            self.leave_chunk();
            self.chunk = joined.freeze();
        }
        self.position = 0;
    }

    /// The next whole event of the bytes pushed so far. Bytes after the last blank line wait for more;
    /// when the stream ends they are no event, as the format says.
    pub fn next_event(&mut self) -> Result<Option<SseEvent<'_>>, SseError> {
        if !self.advance()? {
            return Ok(None);
        }
        let data = match &self.data {
            Data::InChunk(range) => &self.chunk[range.clone()],
            Data::Absent | Data::Gathered => &self.gathered,
        };
        let name = if self.name.is_empty() { b"message" } else { self.name.as_slice() };
        Ok(Some(SseEvent { name, data }))
    }

    /// Reads lines until an event is complete (true) or the chunk is used up (false).
    fn advance(&mut self) -> Result<bool, SseError> {
        if std::mem::take(&mut self.lent) {
            self.clear_event();
        }
        loop {
            if self.after_carriage_return && self.position < self.chunk.len() {
                self.after_carriage_return = false;
                self.position += usize::from(self.chunk[self.position] == b'\n');
            }
            let start = self.position;
            let Some(length) = memchr::memchr2(b'\n', b'\r', &self.chunk[start..]) else {
                self.keep_partial_line(start)?;
                return Ok(false);
            };
            let end = start + length;
            self.position = end + 1;
            self.after_carriage_return = self.chunk[end] == b'\r';
            if self.end_line(start..end)? {
                self.lent = true;
                return Ok(true);
            }
        }
    }

    /// Takes the line that ends at the range's end; true when it completes an event.
    fn end_line(&mut self, range: Range<usize>) -> Result<bool, SseError> {
        if self.partial_line.len() + range.len() > LINE_BYTES_MAX {
            return Err(SseError::LineTooLong);
        }
        let whole = self.partial_line.is_empty();
        let mut joined = std::mem::take(&mut self.partial_line);
        // A handle on the chunk, not a copy of its bytes, so that `self` stays free to change.
        let chunk = self.chunk.clone();
        let mut line = if whole {
            &chunk[range.clone()]
        } else {
            joined.extend_from_slice(&chunk[range.clone()]);
            joined.as_slice()
        };
        if !self.past_first_line {
            self.past_first_line = true;
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.end_event());
        }
        let (field, value) = split_field(line);
        match field {
            b"data" => {
                // The value is the line's tail, whatever was stripped before it.
                let in_chunk = whole.then(|| range.end - value.len()..range.end);
                self.add_data(value, in_chunk)?;
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            // Comments have an empty name; other fields are none of ours.
            _ => {}
        }
        // The allocation is worth keeping: small chunks split most lines.
        joined.clear();
        self.partial_line = joined;
        Ok(false)
    }

    /// Ends the event at a blank line; true when it has data and is to be dispatched.
    fn end_event(&mut self) -> bool {
        let complete = !matches!(self.data, Data::Absent);
        if !complete {
            self.clear_event();
        }
        complete
    }

    fn add_data(&mut self, value: &[u8], in_chunk: Option<Range<usize>>) -> Result<(), SseError> {
        match (&self.data, in_chunk) {
            (Data::Absent, Some(range)) => {
                self.data = Data::InChunk(range);
                return Ok(());
            }
            (Data::Absent, None) => {}
            _ => {
                self.gather();
                self.gathered.push(b'\n');
            }
        }
        if self.gathered.len() + value.len() > EVENT_BYTES_MAX {
            return Err(SseError::EventTooLong);
        }
        self.gathered.extend_from_slice(value);
        self.data = Data::Gathered;
        Ok(())
    }

    /// Copies data out of the chunk, because more of it comes or the chunk goes.
    fn gather(&mut self) {
        if let Data::InChunk(range) = &self.data {
            self.gathered.extend_from_slice(&self.chunk[range.clone()]);
            self.data = Data::Gathered;
        }
    }

    fn keep_partial_line(&mut self, start: usize) -> Result<(), SseError> {
        let rest = &self.chunk[start..];
        if self.partial_line.len() + rest.len() > LINE_BYTES_MAX {
            return Err(SseError::LineTooLong);
        }
        self.partial_line.extend_from_slice(rest);
        self.position = self.chunk.len();
        self.leave_chunk();
        Ok(())
    }

    /// Lets the chunk go; an event that was lent out of it is over.
    fn leave_chunk(&mut self) {
        if std::mem::take(&mut self.lent) {
            self.clear_event();
        }
        self.gather();
        self.chunk = Bytes::new();
        self.position = 0;
    }

    fn clear_event(&mut self) {
        self.gathered.clear();
        self.name.clear();
        self.data = Data::Absent;
    }
}

/// Splits `field: value`; one space after the colon is not part of the value.
fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        None => (line, b""),
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
    }
}

#[cfg(test)]
mod tests;
