//! Consents: what somebody decided on a purpose, and everything that they decided before.
//!
//! A decision is a row that stays as it is; the newest of a purpose is the one that counts.

use std::collections::HashMap;

use base::db::Tx;
use base::params;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest name of a purpose, in characters.
pub const PURPOSE_CHARS_MAX: usize = 100;
/// The longest version, in characters.
pub const VERSION_CHARS_MAX: usize = 50;
/// The most purposes that one user decides on.
pub const PURPOSES_MAX: usize = 100;
/// How many decisions on a purpose are shown.
const SHOWN_MAX: i64 = 100;

/// What is decided on, such as `terms` or `marketing`: 1 to [`PURPOSE_CHARS_MAX`] characters on one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 100)]
pub struct Purpose(String);

impl Purpose {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Purpose {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        line(&text, PURPOSE_CHARS_MAX).map(Self).ok_or("not a purpose of 1 to 100 characters on one line")
    }
}

/// Which text was shown, such as a date: 1 to [`VERSION_CHARS_MAX`] characters on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 50)]
pub struct Version(String);

impl Version {
    /// The version.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Version {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        line(&text, VERSION_CHARS_MAX).map(Self).ok_or("not a version of 1 to 50 characters on one line")
    }
}

/// The text without the space around it, if it is one line of at most this many characters.
fn line(text: &str, chars_max: usize) -> Option<String> {
    let text = text.trim();
    let is_line = (1..=chars_max).contains(&text.chars().count()) && !text.contains(char::is_control);
    is_line.then(|| text.to_owned())
}

/// A decision that is being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What it is about.
    #[schema(inline)]
    pub purpose: Purpose,
    /// Which text was shown.
    #[schema(inline)]
    pub version: Version,
    /// Whether they agree.
    pub granted: bool,
}

/// What counts on a purpose, with all that was decided before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Consent {
    /// What it is about.
    pub purpose: String,
    /// Which text was shown when it was decided last.
    pub version: String,
    /// Whether they agree now.
    pub granted: bool,
    /// When it was decided last.
    #[schema(value_type = String, format = DateTime)]
    pub decided_at: Timestamp,
    /// All decisions, newest first, the current one included; at most 100.
    pub history: Vec<Decision>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Decision {
    /// Which text was shown.
    pub version: String,
    /// Whether they agreed.
    pub granted: bool,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub decided_at: Timestamp,
}

impl Decision {
    fn from_row(row: &Row) -> Self {
        Self { version: row.get("version"), granted: row.get("granted"), decided_at: row.get("decided_at") }
    }
}

/// The user's consents, by purpose.
pub async fn list(tx: &mut Tx, owner: Uuid) -> Result<Vec<Consent>, Error> {
    let sql = "select purpose, version, granted, decided_at from (
                   select *, row_number() over (partition by purpose order by decided_at desc, id desc) as place
                   from consents where user_id = $1) decisions
               where place <= $2 order by purpose collate \"C\", place";
    let mut consents: Vec<Consent> = Vec::new();
    for row in tx.query(sql, params![owner, SHOWN_MAX]).await? {
        let (purpose, decision): (String, Decision) = (row.get("purpose"), Decision::from_row(&row));
        match consents.last_mut().filter(|consent| consent.purpose == purpose) {
            Some(consent) => consent.history.push(decision),
            None => consents.push(Consent {
                purpose,
                version: decision.version.clone(),
                granted: decision.granted,
                decided_at: decision.decided_at,
                history: vec![decision],
            }),
        }
    }
    Ok(consents)
}

/// Records the choices, each on another purpose, that differ from what counts now, in a writer's transaction.
///
/// # Errors
///
/// 409 `too_many_purposes` when it would be more than [`PURPOSES_MAX`].
pub async fn record(
    tx: &mut Tx,
    owner: Uuid,
    choices: &[Choice],
    now: Timestamp,
    new_id: impl Fn() -> Uuid,
) -> base::Result<()> {
    let current = list(tx, owner).await?;
    let current: HashMap<&str, &Consent> = current.iter().map(|one| (one.purpose.as_str(), one)).collect();
    let new = choices.iter().filter(|choice| !current.contains_key(choice.purpose.as_str())).count();
    if current.len() + new > PURPOSES_MAX {
        let detail = format!("That would be more than {PURPOSES_MAX} purposes.");
        return Err(base::Error::conflict("too_many_purposes", detail));
    }
    let sql = "insert into consents (id, user_id, purpose, version, granted, decided_at)
               values ($1, $2, $3, $4, $5, $6)";
    for Choice { purpose, version, granted } in choices {
        let (purpose, version) = (purpose.as_str(), version.as_str());
        let known = current.get(purpose);
        if known.is_some_and(|known| known.version == version && known.granted == *granted) {
            continue;
        }
        let decided_at = known.map_or(now, |known| after(known.decided_at).max(now));
        tx.execute(sql, params![new_id(), owner, purpose, version, granted, decided_at]).await?;
    }
    Ok(())
}

/// The next moment, so that a decision is later than the one before it, whatever clock that was made by.
fn after(moment: Timestamp) -> Timestamp {
    moment.checked_add(SignedDuration::from_micros(1)).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(Purpose::try_from(text.to_owned()).ok().as_ref().map(Purpose::as_str), expected, "{text:?}");
    }

    #[test]
    fn purposes_are_short_lines() {
        check(" terms ", Some("terms"));
        check("ai_processing", Some("ai_processing"));
        check("", None);
        check("  ", None);
        check("a\nb", None);
        check("a\0b", None);
        check(&"字".repeat(100), Some(&"字".repeat(100)));
        check(&"字".repeat(101), None);
        assert!(Version::try_from("2".repeat(51)).is_err());
    }
}
