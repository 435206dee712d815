//! The caller's key, which no error may quote.

use base::{Error, Result};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

/// The longest key taken, in bytes.
const KEY_BYTES_MAX: usize = 512;

/// Takes a string. A parser's own message would quote a value of another type, so anything else reads as an
/// empty key, which [`checked`] refuses.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(match value {
        serde_json::Value::String(key) => SecretString::from(key),
        _ => SecretString::default(),
    })
}

/// A key that can travel in a header.
pub(crate) fn checked(key: SecretString) -> Result<SecretString> {
    let text = key.expose_secret();
    let is_plain = (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain {
        Ok(key)
    } else {
        Err(Error::invalid("/apiKey", format!("Give an OpenAI key: 1 to {KEY_BYTES_MAX} visible ASCII characters.")))
    }
}
