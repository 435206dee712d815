use bytes::Bytes;
use proptest::prelude::*;

use super::{EVENT_BYTES_MAX, LINE_BYTES_MAX, SseDecoder, SseError};

type Events = Vec<(String, Vec<u8>)>;

/// Decodes the chunks one by one.
fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Events, SseError> {
    let mut decoder = SseDecoder::new();
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = decoder.next_event()? {
            events.push((String::from_utf8_lossy(event.name).into_owned(), event.data.to_vec()));
        }
    }
    Ok(events)
}

/// The format's definition, followed word by word on the whole text at once.
fn decode_plainly(bytes: &[u8]) -> Events {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut lines = vec![Vec::new()];
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\n' if at > 0 && text[at - 1] == b'\r' => {}
            b'\n' | b'\r' => lines.push(Vec::new()),
            _ => lines.last_mut().expect("there is a first line").push(*byte),
        }
    }
    lines.pop();
    let (mut events, mut name, mut data) = (Vec::new(), Vec::new(), Vec::<u8>::new());
    for line in lines {
        if line.is_empty() {
            if data.pop().is_some() {
                let name = if name.is_empty() { "message".to_owned() } else { String::from_utf8_lossy(&name).into() };
                events.push((name, data.clone()));
            }
            name.clear();
            data.clear();
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"event" => name = value.to_vec(),
            b"data" => data.extend(value.iter().copied().chain([b'\n'])),
            _ => {}
        }
    }
    events
}

fn check(text: &str, expected: &[(&str, &str)]) {
    let expected: Events = expected.iter().map(|(name, data)| ((*name).to_owned(), data.as_bytes().to_vec())).collect();
    assert_eq!(decode([text.as_bytes()]).unwrap(), expected, "{text:?} in one piece");
    assert_eq!(decode(text.as_bytes().chunks(1)).unwrap(), expected, "{text:?} byte by byte");
}

#[test]
fn decodes_the_format() {
    check("data: a\n\n", &[("message", "a")]);
    check("data:a\r\rdata:b\r\n\r\ndata:c\n\n", &[("message", "a"), ("message", "b"), ("message", "c")]);
    check("data:  two spaces\n\n", &[("message", " two spaces")]);
    check("data: one\ndata: two\ndata:\n\n", &[("message", "one\ntwo\n")]);
    check("event: ping\ndata: {}\n\ndata: x\n\n", &[("ping", "{}"), ("message", "x")]);
    check(": comment\n\n:\n\ndata: x\n\n", &[("message", "x")]);
    check("\u{feff}data: x\n\n\u{feff}data: not first\n\n", &[("message", "x")]);
    check("\u{feff}\n\ndata: x\n\n", &[("message", "x")]);
    check("data\n\ndata:\n\n", &[("message", ""), ("message", "")]);
    check("event: only a name\n\ndata: x\n\n", &[("message", "x")]);
    check("id: 1\nretry: 5\nodd\ndata: x\n\n", &[("message", "x")]);
    check("data: grüße 🌍\n\n", &[("message", "grüße 🌍")]);
    check("data: whole\n\ndata: no blank line follows\n", &[("message", "whole")]);
    check("", &[]);
}

#[test]
fn keeps_events_that_were_not_taken_before_the_next_push() {
    let mut decoder = SseDecoder::new();
    decoder.push(Bytes::from_static(b"data: 1\n\ndata: 2\n\nda"));
    assert_eq!(decoder.next_event().unwrap().unwrap().data, b"1");
    decoder.push(Bytes::from_static(b"ta: 3\n\n"));
    assert_eq!(decoder.next_event().unwrap().unwrap().data, b"2");
    assert_eq!(decoder.next_event().unwrap().unwrap().data, b"3");
    assert_eq!(decoder.next_event().unwrap(), None);
}

#[test]
fn refuses_what_is_over_a_limit() {
    let endless_line = vec![b'x'; LINE_BYTES_MAX + 1];
    assert_eq!(decode([endless_line.as_slice()]), Err(SseError::LineTooLong));
    assert_eq!(decode(endless_line.chunks(1000)), Err(SseError::LineTooLong));
    let line = format!("data: {}\n", "x".repeat(LINE_BYTES_MAX / 2));
    let long_event = line.repeat(2 * EVENT_BYTES_MAX / LINE_BYTES_MAX + 1);
    assert_eq!(decode([long_event.as_bytes()]), Err(SseError::EventTooLong));
    assert_eq!(decode(long_event.as_bytes().chunks(1000)), Err(SseError::EventTooLong));
}

/// Bytes that look like an event stream, with every kind of line end and some nonsense.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "data",
        "event",
        "id",
        ":",
        ": ",
        " ",
        "\n",
        "\n",
        "\n\n",
        "\r",
        "\r\n",
        "\r\n\r\n",
        "a",
        "{\"k\":1}",
        "é",
        "🌍",
        "\u{feff}",
        "data: x\n\n",
        "data: y\r\n",
        "event: ping\n",
        "[DONE]",
    ]);
    prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_chunking_decodes_alike(bytes in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(decode(chunks).unwrap(), decode_plainly(&bytes));
    }
}
