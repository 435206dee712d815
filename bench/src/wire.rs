//! Just enough HTTP/1.1, for clients and servers alike: heads, and bodies by length or in chunks.
//!
//! Written here because a measurement should know exactly when which bytes came, and cost little itself.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HEADERS_MAX: usize = 64;
/// The most body that is taken, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One connection, and the bytes that were read ahead.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

/// The beginning of a request or an answer.
#[derive(Debug)]
pub(crate) struct Head {
    /// A request's path, or an answer's status.
    pub(crate) subject: String,
    /// The request's method; empty for an answer.
    pub(crate) method: String,
    framing: Framing,
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy)]
enum Framing {
    /// This many bytes are still to come.
    Length(usize),
    /// The size of a chunk comes next.
    Size,
    /// This many bytes of a chunk are still to come, then its line end.
    Chunk(usize),
    /// Trailers, up to an empty line.
    Trailers,
    Done,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::with_capacity(64 * 1024) })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// The head of the next request, or `None` when the client has left.
    pub(crate) async fn request(&mut self) -> Result<Option<Head>> {
        loop {
            if let Some((len, head)) = parse_request(&self.buffer)? {
                self.buffer.advance(len);
                return Ok(Some(head));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                ensure!(self.buffer.is_empty(), "a request broke off");
                return Ok(None);
            }
        }
    }

    /// The head of an answer.
    pub(crate) async fn answer(&mut self) -> Result<Head> {
        loop {
            if let Some((len, head)) = parse_answer(&self.buffer)? {
                self.buffer.advance(len);
                return Ok(head);
            }
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
        }
    }

    /// Reads a body to its end. `arrived` is told how long the body has got, and when.
    pub(crate) async fn body(&mut self, head: &mut Head, mut arrived: impl FnMut(&[u8], Instant)) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        let mut at = Instant::now();
        loop {
            let len_before = body.len();
            let is_done = head.framing.take(&mut self.buffer, &mut body)?;
            if body.len() > len_before {
                arrived(&body, at);
            }
            if is_done {
                return Ok(body);
            }
            ensure!(body.len() <= BODY_BYTES_MAX, "a body is too long");
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "a body broke off");
            at = Instant::now();
        }
    }
}

impl Framing {
    fn of(headers: &[httparse::Header<'_>], without: Self) -> Result<Self> {
        for header in headers {
            if header.name.eq_ignore_ascii_case("transfer-encoding") {
                return Ok(Self::Size);
            }
            if header.name.eq_ignore_ascii_case("content-length") {
                return Ok(Self::Length(std::str::from_utf8(header.value)?.trim().parse()?));
            }
        }
        Ok(without)
    }

    /// Moves what belongs to the body; true at its end.
    fn take(&mut self, input: &mut BytesMut, body: &mut Vec<u8>) -> Result<bool> {
        loop {
            match *self {
                Self::Done | Self::Length(0) => return Ok(true),
                Self::Length(left) => {
                    let moved = move_bytes(input, body, left);
                    *self = Self::Length(left - moved);
                    if moved == 0 {
                        return Ok(false);
                    }
                }
                Self::Size => {
                    let Some(line) = take_line(input) else { return Ok(false) };
                    let size = std::str::from_utf8(&line)?.trim();
                    let size = usize::from_str_radix(size, 16).context("a chunk without its size")?;
                    *self = if size == 0 { Self::Trailers } else { Self::Chunk(size) };
                }
                Self::Chunk(0) => {
                    let Some(line) = take_line(input) else { return Ok(false) };
                    ensure!(line.is_empty(), "a chunk is longer than it said");
                    *self = Self::Size;
                }
                Self::Chunk(left) => {
                    let moved = move_bytes(input, body, left);
                    *self = Self::Chunk(left - moved);
                    if moved == 0 {
                        return Ok(false);
                    }
                }
                Self::Trailers => {
                    let Some(line) = take_line(input) else { return Ok(false) };
                    if line.is_empty() {
                        *self = Self::Done;
                    }
                }
            }
        }
    }
}

fn move_bytes(input: &mut BytesMut, body: &mut Vec<u8>, count_max: usize) -> usize {
    let count = count_max.min(input.len());
    body.extend_from_slice(&input[..count]);
    input.advance(count);
    count
}

/// A line without its end.
fn take_line(input: &mut BytesMut) -> Option<BytesMut> {
    let end = memchr::memmem::find(input, b"\r\n")?;
    let line = input.split_to(end);
    input.advance(2);
    Some(line)
}

fn parse_request(bytes: &[u8]) -> Result<Option<(usize, Head)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(len) = request.parse(bytes)? else { return Ok(None) };
    let framing = Framing::of(request.headers, Framing::Done)?;
    let (method, path) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    Ok(Some((len, Head { subject: path.to_owned(), method: method.to_owned(), framing })))
}

fn parse_answer(bytes: &[u8]) -> Result<Option<(usize, Head)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(len) = answer.parse(bytes)? else { return Ok(None) };
    let status = answer.code.unwrap_or_default();
    if status == 204 {
        return Ok(Some((len, Head { subject: "204".to_owned(), method: String::new(), framing: Framing::Done })));
    }
    let Ok(framing) = Framing::of(answer.headers, Framing::Done) else { bail!("an answer without a length") };
    Ok(Some((len, Head { subject: status.to_string(), method: String::new(), framing })))
}

/// A request with a JSON body, or without a body when it is empty.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    for (name, value) in headers {
        let _infallible = write!(text, "{name}: {value}\r\n");
    }
    if !body.is_empty() {
        let len = body.len();
        let _infallible = write!(text, "content-type: application/json\r\ncontent-length: {len}\r\n");
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}
