//! A file cut into its conversations, and one conversation parsed.
//!
//! The file is scanned once without keeping anything of it, then one conversation at a time is parsed: besides
//! the file itself, memory holds one conversation.

use base::{Error, Result};
use serde::de::IgnoredAny;
use serde_json::{Deserializer, Value};

use super::Problem;

/// The most conversations of one file.
pub(crate) const ELEMENTS_MAX: usize = 10_000;
/// What some programs put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The conversations of a file: the elements of its array, or the one object that it is.
pub(crate) fn split(file: &[u8]) -> Result<Vec<&[u8]>> {
    let file = trimmed(file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file));
    let Some(mut rest) = file.strip_prefix(b"[").map(trimmed) else {
        let (whole, rest) = first_value(file)?;
        return if rest.is_empty() { Ok(vec![whole]) } else { Err(malformed("there is more after the end")) };
    };
    let mut elements = Vec::new();
    if let Some(after) = rest.strip_prefix(b"]") {
        rest = after;
    } else {
        loop {
            let (element, after) = first_value(rest)?;
            elements.push(element);
            if elements.len() > ELEMENTS_MAX {
                return Err(Error::invalid("", format!("A file may have {ELEMENTS_MAX} conversations.")));
            }
            match after.split_first() {
                Some((b',', after)) => rest = trimmed(after),
                Some((b']', after)) => break rest = after,
                _ => return Err(malformed("a conversation is not followed by another")),
            }
        }
    }
    if trimmed(rest).is_empty() { Ok(elements) } else { Err(malformed("there is more after the end")) }
}

/// The value that the text begins with, and what is behind it.
fn first_value(text: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut values = Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(IgnoredAny)) => {
            let (value, rest) = text.split_at(values.byte_offset());
            Ok((value, trimmed(rest)))
        }
        Some(Err(error)) => Err(malformed(&error.to_string())),
        None => Err(malformed("it ends too early")),
    }
}

fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

fn malformed(what: &str) -> Error {
    Error::malformed(format!("The file is not valid JSON: {what}."))
}

/// Parses one conversation. ChatGPT cuts texts in the middle of characters: what is left of those is replaced.
pub(crate) fn parse(element: &[u8]) -> Result<Value, Problem> {
    if let Ok(value) = serde_json::from_slice(element) {
        return Ok(value);
    }
    let text = String::from_utf8_lossy(element);
    serde_json::from_str(&without_half_characters(&text)).map_err(|_| "It cannot be read.")
}

/// The text of JSON in which no escape stands for half a character.
fn without_half_characters(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match (code_unit(rest), rest.get(6..).and_then(code_unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                mended.push('\u{fffd}');
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
            // The escaped character may have several bytes in text that is no JSON.
            (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    mended.push_str(rest);
    mended
}

/// The UTF-16 code unit that an escape at the beginning stands for.
fn code_unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, expected: &[&str]) {
        let elements = split(file.as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(elements, expected.iter().map(|element| element.as_bytes()).collect::<Vec<_>>(), "{file}");
    }

    #[test]
    fn a_file_is_an_array_or_one_object() {
        check("[]", &[]);
        check(" [ ] \n", &[]);
        check("\u{feff}[{}]", &["{}"]);
        check(r#"[ {"a":"]"} , {"b":[1]}]"#, &[r#"{"a":"]"}"#, r#"{"b":[1]}"#]);
        check("[1,null ,\"x\"]", &["1", "null", "\"x\""]);
        check(r#"{"mapping":{}}"#, &[r#"{"mapping":{}}"#]);
        check(r#"[{"cut":"\ud83d"}]"#, &[r#"{"cut":"\ud83d"}"#]);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for file in ["", "[", "[{}", "[{},]", "[{}{}]", "[{}] x", "{} {}", "x", "[{\"a\":}]", &"[".repeat(10_000)] {
            assert_eq!(split(file.as_bytes()).expect_err(file).status(), 400, "{file}");
        }
        assert!(split(format!("[{}1]", "1,".repeat(ELEMENTS_MAX)).as_bytes()).is_err());
    }

    fn check_mended(text: &str, expected: &str) {
        let parsed = parse(format!("\"{text}\"").as_bytes());
        assert_eq!(parsed, Ok(Value::String(expected.to_owned())), "{text}");
    }

    #[test]
    fn half_characters_are_replaced() {
        check_mended(r"\ud83d\ude00", "😀");
        check_mended(r"a\ud83d", "a\u{fffd}");
        check_mended(r"\ude00b", "\u{fffd}b");
        check_mended(r"\ud83d\ud83d\ude00", "\u{fffd}😀");
        check_mended(r"\\ud83d\ud83d", "\\ud83d\u{fffd}");
        check_mended("\\ud83d字\\n\\u00e4", "\u{fffd}字\nä");
        for text in ["\\", "\\u12", "\\字", "\\u\u{e4}\u{e4}", "\\n"] {
            assert_eq!(without_half_characters(text), text);
        }
        assert_eq!(without_half_characters("\\ud83d\\u字字"), "\u{fffd}\\u字字");
    }
}
