//! Links to a branch of a conversation, for people who are not signed in.
//!
//! A link shows the branch as it was when it was made, down to one message and never beyond. The token in it is
//! kept as a hash only.

use base::db::Tx;
use base::page::Page;
use base::params;
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::message::{Role, Status};

/// A link that can be revoked.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ConversationShare)]
pub struct Share {
    /// Its id, to revoke it by. It is not in the link.
    pub id: Uuid,
    /// The conversation it shows a branch of.
    pub conversation_id: Uuid,
    /// The last message that it shows.
    pub until_message_id: Uuid,
    /// The title that it shows.
    pub title: String,
    /// When it ends, if it does.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, conversation_id, until_message_id, title, expires_at, created_at";

impl Share {
    fn from_row(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            conversation_id: row.get("conversation_id"),
            until_message_id: row.get("until_message_id"),
            title: row.get("title"),
            expires_at: row.get("expires_at"),
            created_at: row.get("created_at"),
        }
    }
}

/// What a link shows to whoever has it. Nothing of it tells whose conversation it is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SharedConversation {
    /// What it was called when the link was made.
    pub title: String,
    /// When the link was made.
    #[schema(value_type = String, format = DateTime)]
    pub shared_at: Timestamp,
    /// When the link ends, if it does.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// The branch, oldest first.
    pub messages: Vec<SharedMessage>,
}

/// A message as a link shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SharedMessage {
    /// Who wrote it.
    pub role: Role,
    /// Its text.
    pub content: String,
    /// The model that answered, as `provider/model`.
    pub model: String,
    /// How far it got.
    pub status: Status,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// How many links a conversation has, those that have ended included.
pub async fn count(tx: &mut Tx, owner: Uuid, conversation: Uuid) -> Result<i64, Error> {
    let sql = "select count(*) from conversation_shares where user_id = $1 and conversation_id = $2";
    Ok(tx.query_one(sql, params![owner, conversation]).await?.get(0))
}

/// Stores a link, of whose token only the hash is known.
pub async fn create(tx: &mut Tx, owner: Uuid, share: &Share, token_hash: &[u8]) -> Result<(), Error> {
    let sql = "insert into conversation_shares
                   (id, user_id, conversation_id, until_message_id, title, token_hash, expires_at, created_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8)";
    let Share { id, conversation_id, until_message_id, title, expires_at, created_at } = share;
    let values = params![id, owner, conversation_id, until_message_id, title, token_hash, *expires_at, created_at];
    tx.execute(sql, values).await.map(drop)
}

/// A page of a conversation's links, newest first.
pub async fn list(tx: Tx, owner: Uuid, conversation: Uuid, page: &Page) -> Result<Vec<Share>, Error> {
    let sql = format!(
        "select {COLUMNS} from conversation_shares
         where user_id = $1 and conversation_id = $2
           and ($3::timestamptz is null or created_at < $3)
           and ($4::uuid is null or (created_at, id) <
                (select created_at, id from conversation_shares where user_id = $1 and id = $4))
         order by created_at desc, id desc limit $5"
    );
    let (before_time, before_id, limit) = (page.before_time(), page.before_id(), page.fetch());
    let place = params![owner, conversation, before_time, before_id, limit];
    Ok(tx.query_and_commit(&sql, place).await?.iter().map(Share::from_row).collect())
}

/// Revokes a link. Returns whether there was one.
pub async fn delete(tx: &mut Tx, owner: Uuid, conversation: Uuid, id: Uuid) -> Result<bool, Error> {
    let sql = "delete from conversation_shares where user_id = $1 and conversation_id = $2 and id = $3";
    Ok(tx.execute(sql, params![owner, conversation, id]).await? > 0)
}

/// Some owners of links that ended before this time, in a transaction of the service's.
pub async fn owners_of_ended(tx: Tx, before: Timestamp, limit: i64) -> Result<Vec<Uuid>, Error> {
    let sql = "select distinct user_id from
               (select user_id from conversation_shares where expires_at < $1 order by expires_at limit $2) ended";
    let rows = tx.query_and_commit(sql, params![before, limit]).await?;
    Ok(rows.iter().map(|row| row.get("user_id")).collect())
}

/// Deletes the owner's links that ended before this time, in a transaction of a job's. Returns how many.
pub async fn delete_ended(tx: Tx, owner: Uuid, before: Timestamp) -> Result<u64, Error> {
    let sql = "delete from conversation_shares where user_id = $1 and expires_at < $2";
    tx.execute_and_commit(sql, params![owner, before]).await
}

/// What the link with this token's hash shows. Links that have ended, and those of users who are deactivated, are
/// not there. `tx` is the application's own, since nobody is asking.
pub async fn find_shared(tx: Tx, token_hash: &[u8], now: Timestamp) -> Result<Option<SharedConversation>, Error> {
    let sql = "select title, shared_at, expires_at, role, content, model, status, created_at
               from almanac.find_shared_conversation($1, $2)";
    let rows = tx.query_and_commit(sql, params![token_hash, now]).await?;
    Ok(rows.first().map(|first| SharedConversation {
        title: first.get("title"),
        shared_at: first.get("shared_at"),
        expires_at: first.get("expires_at"),
        messages: rows.iter().map(shared_message).collect(),
    }))
}

fn shared_message(row: &Row) -> SharedMessage {
    SharedMessage {
        role: Role::from_name(row.get("role")),
        content: row.get("content"),
        model: row.get("model"),
        status: Status::from_name(row.get("status")),
        created_at: row.get("created_at"),
    }
}
