//! The life of a reply: begun with its question, saved while it grows, ended once.

use base::db::Tx;
use base::params;
use jiff::Timestamp;
use tokio_postgres::Error;
use uuid::Uuid;

use super::{Status, Usage};

/// A message to be stored.
#[derive(Debug, Clone)]
pub struct NewMessage<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its conversation.
    pub conversation_id: Uuid,
    /// The message before it.
    pub parent_id: Option<Uuid>,
    /// The model asked or answering.
    pub model: &'a str,
    /// When it is begun.
    pub created_at: Timestamp,
}

/// Stores what the user asked. Breaks `messages_pkey` when the id is taken.
pub async fn create_question(tx: &mut Tx, owner: Uuid, new: &NewMessage<'_>, content: &str) -> Result<(), Error> {
    let sql =
        "insert into messages (id, user_id, conversation_id, parent_id, role, content, model, created_at, updated_at)
               values ($1, $2, $3, $4, 'user', $5, $6, $7, $7)";
    tx.execute(sql, params![new.id, owner, new.conversation_id, new.parent_id, content, new.model, new.created_at])
        .await
        .map(drop)
}

/// Stores an empty reply that is being written, makes it the head of its conversation, and commits.
pub async fn create_reply(tx: Tx, owner: Uuid, new: &NewMessage<'_>, alive_seconds: f64) -> Result<(), Error> {
    let sql = "with head as (
                   update conversations set head_id = $1, updated_at = $6 where user_id = $2 and id = $3
               )
               insert into messages (id, user_id, conversation_id, parent_id, role, content, model, status, alive_until,
                                     created_at, updated_at)
               values ($1, $2, $3, $4, 'assistant', '', $5, 'streaming', now() + make_interval(secs => $7), $6, $6)";
    let created = params![new.id, owner, new.conversation_id, new.parent_id, new.model, new.created_at, alive_seconds];
    tx.execute_and_commit(sql, created).await.map(drop)
}

/// What a writer learns when it saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// Go on.
    Alive {
        /// Whether another process follows the reply.
        is_followed: bool,
    },
    /// Somebody asked the reply to stop.
    StopRequested,
    /// The row is not this writer's to change any more: it was ended or deleted.
    Lost,
}

/// Saves the text so far and shows that the writer lives.
pub async fn save_progress(tx: Tx, owner: Uuid, id: Uuid, content: &str, alive_seconds: f64) -> Result<Saved, Error> {
    let rows = tx
        .query_and_commit(
            "update messages set content = $3, alive_until = now() + make_interval(secs => $4), updated_at = now()
             where user_id = $1 and id = $2 and status = 'streaming'
             returning stop_requested_at is not null as is_stopped, followed_at is not null as is_followed",
            params![owner, id, content, alive_seconds],
        )
        .await?;
    Ok(match rows.first() {
        Some(row) if row.get("is_stopped") => Saved::StopRequested,
        Some(row) => Saved::Alive { is_followed: row.get("is_followed") },
        None => Saved::Lost,
    })
}

/// How a reply ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Any status but `Streaming`.
    pub status: Status,
    /// Why the model ended, when it said so.
    pub finish_reason: Option<&'static str>,
    /// What went wrong, as a stable name.
    pub error_code: Option<&'static str>,
    /// What it cost.
    pub usage: Usage,
}

/// What a writer learns when it has ended its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Whether another process follows the reply. Nobody begins to after this.
    pub is_followed: bool,
}

/// Ends a reply with its whole text. None when it was not this writer's to end any more; an ending that was
/// stored already, with its answer lost on the way, counts as stored.
pub async fn end_reply(tx: Tx, owner: Uuid, id: Uuid, content: &str, ending: &Ending) -> Result<Option<Ended>, Error> {
    let Ending { status, finish_reason, error_code, usage } = ending;
    let rows = tx
        .query_and_commit(
            "update messages set content = $3, status = $4, finish_reason = $5, error_code = $6, input_tokens = $7,
                 output_tokens = $8, usage_estimated = $9, alive_until = null, updated_at = now()
             where user_id = $1 and id = $2 and (status = 'streaming' or (status = $4 and content = $3))
             returning followed_at is not null",
            params![
                owner,
                id,
                content,
                status.name(),
                *finish_reason,
                *error_code,
                usage.input_tokens,
                usage.output_tokens,
                usage.estimated
            ],
        )
        .await?;
    Ok(rows.first().map(|row| Ended { is_followed: row.get(0) }))
}

/// Says that another process than the writer's follows a reply. False when the reply has ended.
pub async fn note_follower(tx: Tx, owner: Uuid, id: Uuid) -> Result<bool, Error> {
    let sql = "update messages set followed_at = coalesce(followed_at, now())
               where user_id = $1 and id = $2 and status = 'streaming'
               returning id";
    Ok(!tx.query_and_commit(sql, params![owner, id]).await?.is_empty())
}

/// Ends a reply whose writer is gone, keeping its text.
pub async fn end_abandoned(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<(), Error> {
    let sql =
        "update messages set status = 'interrupted', error_code = 'writer_gone', alive_until = null, updated_at = now()
               where user_id = $1 and id = $2 and status = 'streaming' and alive_until < now()";
    tx.execute(sql, params![owner, id]).await.map(drop)
}

/// Asks the writer of a conversation's reply to stop. Returns the reply, if one is being written.
pub async fn request_stop(tx: Tx, owner: Uuid, conversation: Uuid) -> Result<Option<Uuid>, Error> {
    let rows = tx
        .query_and_commit(
            "update messages set stop_requested_at = coalesce(stop_requested_at, now())
             where user_id = $1 and conversation_id = $2 and status = 'streaming' and alive_until >= now()
             returning id",
            params![owner, conversation],
        )
        .await?;
    Ok(rows.first().map(|row| row.get("id")))
}
