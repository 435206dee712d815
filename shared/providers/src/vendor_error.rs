//! Vendors' error bodies: what kind of failure they mean, and the part of them that may be shown.

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::error::{ProviderError, ProviderErrorKind};

/// The most of a vendor's message that is shown, in characters.
const MESSAGE_CHARS_MAX: usize = 300;
/// A run of this many characters that also occurs in the key gives the key away.
const KEY_PART_BYTES: usize = 6;
const REDACTED: &str = "[redacted]";
/// How vendors' secrets begin. Such a word is hidden even if it is another key than ours.
const SECRET_PREFIXES: [&str; 5] = ["sk-", "sk_", "ek_", "xai-", "Bearer"];

/// The kind that an HTTP status means.
fn kind_of_status(status: StatusCode) -> ProviderErrorKind {
    match status.as_u16() {
        // 402: the key's account has no credit left.
        401..=403 => ProviderErrorKind::Unauthorized,
        408 | 504 => ProviderErrorKind::Timeout,
        429 => ProviderErrorKind::RateLimited,
        503 | 529 => ProviderErrorKind::Overloaded,
        409 => ProviderErrorKind::Unavailable,
        400..=499 => ProviderErrorKind::InvalidRequest,
        // Redirects land here too: they are not followed, as they could carry the key away.
        _ => ProviderErrorKind::Unavailable,
    }
}

/// The kind that a vendor's own name for an error means, when it is a known one.
fn kind_of_name(name: &str) -> Option<ProviderErrorKind> {
    Some(match name {
        "authentication_error" | "permission_error" | "invalid_api_key" | "billing_error" => {
            ProviderErrorKind::Unauthorized
        }
        "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" => ProviderErrorKind::RateLimited,
        "overloaded_error" => ProviderErrorKind::Overloaded,
        "invalid_request_error" | "not_found_error" | "request_too_large" | "BadRequestError" => {
            ProviderErrorKind::InvalidRequest
        }
        "timeout_error" => ProviderErrorKind::Timeout,
        "api_error" | "server_error" | "InternalServerError" => ProviderErrorKind::Unavailable,
        _ => return None,
    })
}

/// The error that an answer with an error status means.
pub(crate) fn from_answer(status: StatusCode, body: &[u8], key: Option<&SecretString>) -> ProviderError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = kind_of_status(status);
    let retryable = matches!(status.as_u16(), 408 | 409 | 429 | 500..=599) && !is_quota(&body["error"]);
    describe(ProviderError::new(kind), &body["error"], key).with_status(status.as_u16()).with_retryable(retryable)
}

/// The error that an `error` object inside a stream, or under a good status, means.
pub(crate) fn from_object(error: &Value, key: Option<&SecretString>) -> ProviderError {
    let names = [&error["type"], &error["code"]];
    let by_name = names.iter().filter_map(|name| name.as_str()).find_map(kind_of_name);
    // OpenRouter gives an HTTP status as `code`.
    let numbered = error["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let numbered = numbered.and_then(|code| StatusCode::from_u16(code).ok()).map(kind_of_status);
    let kind = by_name.or(numbered).unwrap_or(ProviderErrorKind::Unavailable);
    let result = describe(ProviderError::new(kind), error, key);
    if is_quota(error) { result.with_retryable(false) } else { result }
}

/// A used-up quota answers 429 as well, but no wait of ours fills it.
fn is_quota(error: &Value) -> bool {
    error["code"] == "insufficient_quota" || error["type"] == "insufficient_quota"
}

/// Adds the vendor's words: the message only where the request is at fault, else the error's names for the log.
fn describe(result: ProviderError, error: &Value, key: Option<&SecretString>) -> ProviderError {
    let names: Vec<&str> = ["type", "code"].iter().filter_map(|field| error[*field].as_str()).collect();
    let result = result.with_source(format!("the provider names the error {:?}", scrub(&names.join(" "), key)));
    if result.kind() != ProviderErrorKind::InvalidRequest {
        return result;
    }
    let message = error["message"].as_str().or(error.as_str()).unwrap_or_default();
    result.with_vendor_message(&scrub(message, key))
}

/// One bounded line of a vendor's text without anything that looks like (a part of) a key.
pub(crate) fn scrub(text: &str, key: Option<&SecretString>) -> String {
    let key = key.map(ExposeSecret::expose_secret).filter(|key| !key.is_empty());
    let text = key.map_or_else(|| text.to_owned(), |key| text.replace(key, REDACTED));
    // The bound comes first, so that a huge text costs little, and again last, as redacting may lengthen it.
    let text: String = text.chars().take(4 * MESSAGE_CHARS_MAX).collect();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.map(|word| if is_secret(word, key) { REDACTED } else { word }).collect::<Vec<_>>().join(" ");
    line.chars().take(MESSAGE_CHARS_MAX).collect()
}

fn is_secret(word: &str, key: Option<&str>) -> bool {
    let shares_part = |key: &str| {
        let mut parts = key.as_bytes().windows(KEY_PART_BYTES);
        parts.any(|part| word.as_bytes().windows(KEY_PART_BYTES).any(|other| other == part))
    };
    word != REDACTED && (SECRET_PREFIXES.iter().any(|prefix| word.contains(prefix)) || key.is_some_and(shares_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_the_key_and_its_parts() {
        let key = SecretString::from("alm-0123456789abcdef");
        let check = |text: &str, expected: &str| assert_eq!(scrub(text, Some(&key)), expected);
        check("bad key alm-0123456789abcdef.", "bad key [redacted].");
        check("bad key 'alm-0123****cdef'", "bad key [redacted]");
        check("other sk-proj-1 here", "other [redacted] here");
        check("a\nplain\u{0} message", "a plain message");
        check("", "");
        assert_eq!(scrub(&"é ".repeat(5000), None).chars().count(), MESSAGE_CHARS_MAX);
        assert_eq!(scrub("[redacted]", Some(&key)), "[redacted]");
    }

    #[test]
    fn names_and_numbers_decide_the_kind() {
        let check = |error: Value, kind| assert_eq!(from_object(&error, None).kind(), kind, "{error}");
        check(serde_json::json!({"type": "overloaded_error"}), ProviderErrorKind::Overloaded);
        check(serde_json::json!({"code": 429}), ProviderErrorKind::RateLimited);
        check(serde_json::json!({"code": "invalid_api_key", "type": "odd"}), ProviderErrorKind::Unauthorized);
        check(serde_json::json!("just a text"), ProviderErrorKind::Unavailable);
        assert!(!from_object(&serde_json::json!({"code": "insufficient_quota"}), None).is_retryable());
    }
}
