//! Conversations.

use base::db::Tx;
use base::page::Page;
use base::params;
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// How long a title made from a message gets, in characters.
const TITLE_CHARS: usize = 60;

/// A conversation of one user.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Conversation {
    /// Its id.
    pub id: Uuid,
    /// What it is about, 1 to [`TITLE_CHARS_MAX`] characters.
    pub title: String,
    /// The newest message of the branch it goes on from.
    pub head_id: Option<Uuid>,
    /// Whatever the client keeps with it: a JSON object.
    pub metadata: serde_json::Value,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

const COLUMNS: &str = "id, title, head_id, metadata, created_at, updated_at";

impl Conversation {
    fn from_row(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            title: row.get("title"),
            head_id: row.get("head_id"),
            metadata: row.get("metadata"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// The id behind a name that a client chose. Clients of the AI SDK make up short ids; those map to the same
/// UUID each time, within `scope` only: the user for a conversation, the conversation for a message.
pub fn id_of_client_name(scope: Uuid, name: &str) -> Uuid {
    name.parse().unwrap_or_else(|_| Uuid::new_v5(&scope, name.as_bytes()))
}

/// A title from the first message: its first line of text, cut at a word.
pub fn title_of(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("New conversation");
    let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= TITLE_CHARS {
        return words;
    }
    let room = words.char_indices().nth(TITLE_CHARS - 1).map_or(words.len(), |(end, _)| end);
    let ends_at_word = words[room..].starts_with(' ');
    // A single long word, as in scripts without spaces, is cut where it is.
    let end = if ends_at_word { room } else { words[..room].rfind(' ').unwrap_or(room) };
    format!("{}…", &words[..end])
}

/// One conversation.
pub async fn find(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Option<Conversation>, Error> {
    let sql = format!("select {COLUMNS} from conversations where user_id = $1 and id = $2");
    Ok(tx.query_opt(&sql, params![owner, id]).await?.as_ref().map(Conversation::from_row))
}

/// A page of conversations, newest first. `words` keeps those whose title or messages hold all of them.
pub async fn list(tx: Tx, owner: Uuid, page: &Page, words: Option<&str>) -> Result<Vec<Conversation>, Error> {
    let sql = format!(
        "select {COLUMNS} from conversations
         where user_id = $1
           and ($2::timestamptz is null or created_at < $2)
           and ($3::uuid is null
                or (created_at, id) < (select created_at, id from conversations where user_id = $1 and id = $3))
           and ($4::text is null
                or to_tsvector('simple', title) @@ websearch_to_tsquery('simple', $4)
                or id in (select conversation_id from messages
                          where user_id = $1 and search @@ websearch_to_tsquery('simple', $4)))
         order by created_at desc, id desc limit $5"
    );
    let words = crate::message::searchable(words);
    let rows =
        tx.query_and_commit(&sql, params![owner, page.before_time(), page.before_id(), words, page.fetch()]).await?;
    Ok(rows.iter().map(Conversation::from_row).collect())
}

/// Starts a conversation and holds it until the transaction ends, unless the id is taken.
pub async fn create(
    tx: &mut Tx,
    owner: Uuid,
    id: Uuid,
    title: &str,
    now: Timestamp,
) -> Result<Option<Conversation>, Error> {
    let sql = format!(
        "insert into conversations (id, user_id, title, created_at, updated_at) values ($2, $1, $3, $4, $4)
         on conflict (id) do nothing returning {COLUMNS}"
    );
    Ok(tx.query_opt(&sql, params![owner, id, title, now]).await?.as_ref().map(Conversation::from_row))
}

/// One conversation, held until the transaction ends, so that sends to it come one after the other.
pub async fn find_and_lock(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Option<Conversation>, Error> {
    let sql = format!("select {COLUMNS} from conversations where user_id = $1 and id = $2 for update");
    Ok(tx.query_opt(&sql, params![owner, id]).await?.as_ref().map(Conversation::from_row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: &str) {
        assert_eq!(title_of(message), expected);
    }

    #[test]
    fn titles_come_from_the_first_line() {
        check("Plan my week", "Plan my week");
        check("\n\n  Plan \t my week  \nPlease.", "Plan my week");
        check("", "New conversation");
        check(
            "Please look at everything I have to do this week and find a good order for it",
            "Please look at everything I have to do this week and find a…",
        );
        check(&"字".repeat(80), &format!("{}…", "字".repeat(59)));
    }

    #[test]
    fn client_names_are_scoped() {
        let (alice, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(id_of_client_name(alice, "chat-1"), id_of_client_name(alice, "chat-1"));
        assert_ne!(id_of_client_name(alice, "chat-1"), id_of_client_name(bob, "chat-1"));
        let id = Uuid::from_u128(7);
        assert_eq!(id_of_client_name(alice, &id.to_string()), id);
    }
}
