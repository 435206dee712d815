//! Users: who somebody is, whoever vouched for them.

use base::auth::Role;
use base::db::Tx;
use base::page::Page;
use base::params;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest e-mail address, in bytes: 64 before the at sign, 255 after it.
pub const EMAIL_BYTES_MAX: usize = 320;
/// The longest full name, in characters.
pub const FULL_NAME_CHARS_MAX: usize = 200;

/// A user, as shown to themselves and to administrators.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct User {
    /// The internal id, the same whichever issuer vouched.
    pub id: Uuid,
    /// The address, as given. External issuers may tell none.
    pub email: Option<String>,
    /// The name, when known.
    pub full_name: Option<String>,
    /// What they may do beyond their own data.
    pub role: Role,
    /// Whether they may sign in.
    pub is_active: bool,
    /// When they were first seen.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When anything of the above last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

const COLUMNS: &str = "id, email, full_name, role, is_active, created_at, updated_at";

impl User {
    /// Reads a row of `users`.
    pub fn from_row(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            email: row.get("email"),
            full_name: row.get("full_name"),
            role: Role::from_name(row.get("role")),
            is_active: row.get("is_active"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// An e-mail address that could exist. Whether it does, only a message to it can tell.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = Email, min_length = 3, max_length = 320)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// As it was given, without the space around it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What makes two addresses the same one. Mail servers may tell upper from lower case before the at
    /// sign; none that people use does.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        let parts = text.rsplit_once('@');
        let is_sane = |part: &str, bytes_max: usize| {
            let is_printable = part.chars().all(|c| !c.is_whitespace() && !c.is_control());
            is_printable && (1..=bytes_max).contains(&part.len())
        };
        let is_domain = |domain: &str| is_sane(domain, 255) && !domain.contains("..") && !domain.starts_with('.');
        match parts {
            Some((local, domain)) if is_sane(local, 64) && !local.contains('@') && is_domain(domain) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err("not an e-mail address like name@example.com"),
        }
    }
}

/// What somebody wants to be called: 1 to [`FULL_NAME_CHARS_MAX`] characters on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 200)]
pub struct FullName(String);

impl FullName {
    /// The name, without the space around it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FullName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        let is_plain = !text.is_empty() && !text.contains(char::is_control);
        if is_plain && text.chars().count() <= FULL_NAME_CHARS_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err("not a name of 1 to 200 characters on one line")
        }
    }
}

/// The user themselves.
pub async fn find(tx: Tx, owner: Uuid) -> Result<Option<User>, Error> {
    let sql = format!("select {COLUMNS} from users where id = $1");
    Ok(tx.query_and_commit(&sql, params![owner]).await?.first().map(User::from_row))
}

/// Replaces the name.
pub async fn update_full_name(
    tx: &mut Tx,
    owner: Uuid,
    full_name: Option<&str>,
    now: Timestamp,
) -> Result<Option<User>, Error> {
    let sql = format!("update users set full_name = $2, updated_at = $3 where id = $1 returning {COLUMNS}");
    Ok(tx.query_opt(&sql, params![owner, full_name, now]).await?.as_ref().map(User::from_row))
}

/// What the user's clients keep about how they like things: a JSON object.
pub async fn find_preferences(tx: Tx, owner: Uuid) -> Result<Option<Value>, Error> {
    let rows = tx.query_and_commit("select preferences from users where id = $1", params![owner]).await?;
    Ok(rows.first().map(|row| row.get("preferences")))
}

/// The time zone of the user's calendar: `time_zone` of the preferences, an IANA name such as `Europe/Berlin`. UTC
/// when they name none, or one that is not known.
pub async fn find_time_zone(tx: &mut Tx, owner: Uuid) -> Result<TimeZone, Error> {
    let sql = "select preferences ->> 'time_zone' as name from users where id = $1";
    let name = tx.query_opt(sql, params![owner]).await?.and_then(|row| row.get::<_, Option<String>>("name"));
    Ok(name.and_then(|name| TimeZone::get(&name).ok()).unwrap_or(TimeZone::UTC))
}

/// Replaces the preferences as a whole and returns them as they are kept.
pub async fn update_preferences(
    tx: &mut Tx,
    owner: Uuid,
    preferences: Value,
    now: Timestamp,
) -> Result<Option<Value>, Error> {
    let sql = "update users set preferences = $2, updated_at = $3 where id = $1 returning preferences";
    Ok(tx.query_opt(sql, params![owner, preferences, now]).await?.map(|row| row.get("preferences")))
}

/// Deactivates a user and ends all their sessions.
pub async fn deactivate(tx: Tx, owner: Uuid, now: Timestamp) -> Result<(), Error> {
    tx.query_and_commit("select almanac.deactivate_user($1, $2)", params![owner, now]).await?;
    Ok(())
}

/// A page of all users, newest first, for an administrator.
pub async fn list_as_admin(tx: Tx, admin: Uuid, page: &Page) -> Result<Vec<User>, Error> {
    let sql = format!("select {COLUMNS} from almanac.list_users_as_admin($1, $2, $3, $4)");
    let rows = tx.query_and_commit(&sql, params![admin, page.fetch(), page.before_id(), page.before_time()]).await?;
    Ok(rows.iter().map(User::from_row).collect())
}

/// What an administrator changes about a user; absent stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct AdminChange {
    /// What they may do beyond their own data.
    pub role: Option<Role>,
    /// Whether they may sign in. Their sessions end when not.
    pub is_active: Option<bool>,
}

/// Changes a user for an administrator, if there is such a user.
pub async fn update_as_admin(
    tx: Tx,
    admin: Uuid,
    id: Uuid,
    change: AdminChange,
    now: Timestamp,
) -> Result<Option<User>, Error> {
    let sql = format!("select {COLUMNS} from almanac.update_user_as_admin($1, $2, $3, $4, $5)");
    let role = change.role.map(Role::name);
    let rows = tx.query_and_commit(&sql, params![admin, id, role, change.is_active, now]).await?;
    Ok(rows.first().map(User::from_row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_email(text: &str, key: Option<&str>) {
        let address = EmailAddress::try_from(text.to_owned()).ok();
        assert_eq!(address.map(|address| address.key()).as_deref(), key, "{text:?}");
    }

    #[test]
    fn addresses_are_sane_and_compare_without_case() {
        check_email("  Alice@Example.COM ", Some("alice@example.com"));
        check_email("a@localhost", Some("a@localhost"));
        check_email("ÄNNE@bücher.example", Some("änne@bücher.example"));
        check_email("alice", None);
        check_email("@example.com", None);
        check_email("alice@", None);
        check_email("a@b@example.com", None);
        check_email("alice@example..com", None);
        check_email("alice smith@example.com", None);
        check_email("alice\0@example.com", None);
        check_email(&format!("{}@example.com", "a".repeat(65)), None);
        check_email(&format!("a@{}", "b".repeat(256)), None);
    }

    fn check_name(text: &str, expected: Option<&str>) {
        let name = FullName::try_from(text.to_owned()).ok();
        assert_eq!(name.as_ref().map(FullName::as_str), expected, "{text:?}");
    }

    #[test]
    fn names_are_one_line() {
        check_name(" Ada Lovelace ", Some("Ada Lovelace"));
        check_name("  ", None);
        check_name("a\nb", None);
        check_name("a\0b", None);
        check_name(&"字".repeat(200), Some(&"字".repeat(200)));
        check_name(&"字".repeat(201), None);
    }
}
