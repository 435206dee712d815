//! What Clerk tells. Only what is used is read; the rest may change as it likes.

use base::{Error, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// The longest subject taken, in bytes. Clerk's are about 32.
const SUBJECT_BYTES_MAX: usize = 255;

/// One event, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The user was made or changed, and is now like this.
    Changed(Profile),
    /// The user with this subject is gone.
    Deleted(String),
    /// Something else.
    Other,
}

/// A user of Clerk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) full_name: Option<String>,
    /// When Clerk last changed it.
    pub(crate) changed_at: Timestamp,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
}

#[derive(Deserialize)]
struct ClerkUser {
    id: String,
    first_name: Option<String>,
    last_name: Option<String>,
    #[serde(default)]
    email_addresses: Vec<ClerkAddress>,
    primary_email_address_id: Option<String>,
    /// Milliseconds since 1970.
    updated_at: i64,
}

#[derive(Deserialize)]
struct ClerkAddress {
    id: String,
    email_address: String,
}

#[derive(Deserialize)]
struct ClerkDeletion {
    id: String,
}

impl Event {
    /// Reads an event's body. What is not one is 400.
    pub(crate) fn parse(body: &[u8]) -> Result<Self> {
        let Envelope { kind, data } = read(serde_json::from_slice(body))?;
        match kind.as_str() {
            "user.created" | "user.updated" => {
                read(serde_json::from_value(data)).and_then(Profile::of).map(Self::Changed)
            }
            "user.deleted" => read(serde_json::from_value::<ClerkDeletion>(data))
                .and_then(|deletion| checked_subject(deletion.id))
                .map(Self::Deleted),
            _ => Ok(Self::Other),
        }
    }
}

impl Profile {
    fn of(user: ClerkUser) -> Result<Self> {
        let primary = user.primary_email_address_id.as_deref();
        let email = user.email_addresses.into_iter().find(|address| Some(address.id.as_str()) == primary);
        let names = [user.first_name.as_deref(), user.last_name.as_deref()];
        let full_name = names.into_iter().flatten().map(str::trim).filter(|name| !name.is_empty()).collect::<Vec<_>>();
        Ok(Self {
            subject: checked_subject(user.id)?,
            email: email.and_then(|address| plain(&address.email_address, domain::user::EMAIL_BYTES_MAX)),
            full_name: plain(&full_name.join(" "), domain::user::FULL_NAME_CHARS_MAX),
            changed_at: Timestamp::from_millisecond(user.updated_at).map_err(|error| malformed().with_source(error))?,
        })
    }
}

fn checked_subject(subject: String) -> Result<String> {
    let is_sane = !subject.contains(char::is_control) && (1..=SUBJECT_BYTES_MAX).contains(&subject.len());
    if is_sane { Ok(subject) } else { Err(malformed()) }
}

/// Text that can be kept: no control characters, not too long. A name is cut rather than refused, as a refusal
/// would only make Clerk send the same again.
fn plain(text: &str, chars_max: usize) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_control()).take(chars_max).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn read<T>(result: serde_json::Result<T>) -> Result<T> {
    result.map_err(|error| malformed().with_source(error))
}

fn malformed() -> Error {
    Error::malformed("The body is not an event of Clerk's.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(data: &Value) -> Profile {
        let body = json!({"type": "user.updated", "object": "event", "data": data}).to_string();
        match Event::parse(body.as_bytes()) {
            Ok(Event::Changed(profile)) => profile,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_the_primary_address_and_the_name() {
        let profile = changed(&json!({
            "id": "user_1", "first_name": "Ada", "last_name": " Lovelace ", "updated_at": 1_654_012_591_835_i64,
            "email_addresses": [
                {"id": "idn_1", "email_address": "old@example.com"},
                {"id": "idn_2", "email_address": "ada@example.com"},
            ],
            "primary_email_address_id": "idn_2", "something_new": {},
        }));
        assert_eq!(profile.email.as_deref(), Some("ada@example.com"));
        assert_eq!(profile.full_name.as_deref(), Some("Ada Lovelace"));
        assert_eq!(profile.changed_at.as_millisecond(), 1_654_012_591_835);
    }

    #[test]
    fn takes_users_without_address_or_name() {
        let profile = changed(&json!({
            "id": "user_1", "first_name": null, "last_name": "\u{0}", "email_addresses": [],
            "primary_email_address_id": null, "updated_at": 1,
        }));
        assert_eq!((profile.email, profile.full_name), (None, None));
    }

    fn check_malformed(body: &str) {
        let error = Event::parse(body.as_bytes()).expect_err(body);
        assert_eq!(error.status().as_u16(), 400, "{body}");
    }

    #[test]
    fn refuses_what_is_no_event() {
        check_malformed("");
        check_malformed("[]");
        check_malformed(r#"{"type":"user.created"}"#);
        check_malformed(r#"{"type":"user.created","data":{"id":"user_1"}}"#);
        check_malformed(r#"{"type":"user.created","data":{"id":"","updated_at":1}}"#);
        check_malformed(r#"{"type":"user.created","data":{"id":"user_1","updated_at":9223372036854775807}}"#);
        check_malformed(r#"{"type":"user.deleted","data":{"id":"a\u0000b"}}"#);
    }

    #[test]
    fn leaves_other_events_alone() {
        let event = Event::parse(br#"{"type":"session.created","data":{"id":7}}"#);
        assert_eq!(event.expect("an event"), Event::Other);
    }
}
