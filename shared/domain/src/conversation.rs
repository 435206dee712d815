//! Conversations.

pub mod import;
mod naming;
pub mod share;

use base::db::Tx;
use base::page::Page;
use base::params;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

pub use naming::{CLIENT_NAME_BYTES_MAX, ClientName, UNTITLED, id_of_client_name, title_of};

/// A conversation of one user.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Conversation {
    /// Its id.
    pub id: Uuid,
    /// What it is about, 1 to 500 characters.
    pub title: String,
    /// The newest message of the branch it goes on from.
    pub head_id: Option<Uuid>,
    /// Whatever the client keeps with it: a JSON object.
    pub metadata: Value,
    /// When it was put away, if it was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub archived_at: Option<Timestamp>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// The head is no reference that the database holds: when its message was undone, the newest one stands in for it.
const COLUMNS: &str = "id, title, metadata, archived_at, created_at, updated_at, coalesce(
    (select m.id from messages m where m.id = conversations.head_id and m.conversation_id = conversations.id),
    (select m.id from messages m where m.conversation_id = conversations.id
     order by m.created_at desc, m.id desc limit 1)) as head_id";

impl Conversation {
    fn from_row(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            title: row.get("title"),
            head_id: row.get("head_id"),
            metadata: row.get("metadata"),
            archived_at: row.get("archived_at"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// A conversation to be begun.
#[derive(Debug, Clone)]
pub struct NewConversation<'a> {
    /// Its id.
    pub id: Uuid,
    /// What it is about, 1 to 500 characters.
    pub title: &'a str,
    /// A JSON object.
    pub metadata: Value,
    /// The newest message of the branch it goes on from, when it begins with messages.
    pub head_id: Option<Uuid>,
    /// When it begins.
    pub created_at: Timestamp,
}

/// What is to change about a conversation; absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// What it is about, 1 to 500 characters.
    pub title: Option<String>,
    /// Whether it is put away.
    pub is_archived: Option<bool>,
    /// A JSON object.
    pub metadata: Option<Value>,
    /// The message it goes on from, which is one of its own.
    pub head_id: Option<Uuid>,
}

/// Which conversations a list has.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'a> {
    /// Those that are put away, or those that are not.
    pub is_archived: bool,
    /// Those whose title or messages hold all of these words.
    pub words: Option<&'a str>,
}

/// One conversation.
pub async fn find(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Option<Conversation>, Error> {
    let sql = format!("select {COLUMNS} from conversations where user_id = $1 and id = $2");
    Ok(tx.query_opt(&sql, params![owner, id]).await?.as_ref().map(Conversation::from_row))
}

/// A page of conversations, newest first.
pub async fn list(tx: Tx, owner: Uuid, page: &Page, filter: Filter<'_>) -> Result<Vec<Conversation>, Error> {
    let sql = format!(
        "select {COLUMNS} from conversations
         where user_id = $1
           and (archived_at is not null) = $6
           and ($2::timestamptz is null or created_at < $2)
           and ($3::uuid is null
                or (created_at, id) < (select created_at, id from conversations where user_id = $1 and id = $3))
           and ($4::text is null
                or to_tsvector('simple', title) @@ websearch_to_tsquery('simple', $4)
                or id in (select conversation_id from messages
                          where user_id = $1 and search @@ websearch_to_tsquery('simple', $4)))
         order by created_at desc, id desc limit $5"
    );
    let words = crate::message::searchable(filter.words);
    let (before_time, before_id, limit) = (page.before_time(), page.before_id(), page.fetch());
    let place = params![owner, before_time, before_id, words, limit, filter.is_archived];
    Ok(tx.query_and_commit(&sql, place).await?.iter().map(Conversation::from_row).collect())
}

/// Starts a conversation and holds it until the transaction ends, unless the id is taken.
pub async fn create(tx: &mut Tx, owner: Uuid, new: &NewConversation<'_>) -> Result<Option<Conversation>, Error> {
    let sql = format!(
        "insert into conversations (id, user_id, title, metadata, head_id, created_at, updated_at)
         values ($2, $1, $3, $4, $5, $6, $6)
         on conflict (id) do nothing returning {COLUMNS}"
    );
    let values = params![owner, new.id, new.title, new.metadata, new.head_id, new.created_at];
    Ok(tx.query_opt(&sql, values).await?.as_ref().map(Conversation::from_row))
}

/// Changes a conversation.
pub async fn update(
    tx: &mut Tx,
    owner: Uuid,
    id: Uuid,
    change: &Change,
    now: Timestamp,
) -> Result<Option<Conversation>, Error> {
    let sql = format!(
        "update conversations
         set title = coalesce($3, title),
             archived_at = case $4 when true then coalesce(archived_at, $7) when false then null else archived_at end,
             metadata = coalesce($5, metadata), head_id = coalesce($6, head_id), updated_at = $7
         where user_id = $1 and id = $2 returning {COLUMNS}"
    );
    let Change { title, is_archived, metadata, head_id } = change;
    let values = params![owner, id, title, is_archived, metadata, head_id, now];
    Ok(tx.query_opt(&sql, values).await?.as_ref().map(Conversation::from_row))
}

/// Deletes a conversation with its messages and links. Returns whether there was one.
pub async fn delete(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<bool, Error> {
    let sql = "delete from conversations where user_id = $1 and id = $2";
    Ok(tx.execute(sql, params![owner, id]).await? > 0)
}

/// One conversation, held until the transaction ends, so that sends to it come one after the other.
pub async fn find_and_lock(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Option<Conversation>, Error> {
    let sql = format!("select {COLUMNS} from conversations where user_id = $1 and id = $2 for update");
    Ok(tx.query_opt(&sql, params![owner, id]).await?.as_ref().map(Conversation::from_row))
}
