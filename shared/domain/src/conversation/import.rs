//! Storing a conversation that was held elsewhere, or here before.

use std::collections::HashMap;

use base::db::Tx;
use base::params;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Error;
use uuid::Uuid;

use crate::message::{Role, Status};

/// How many messages one statement stores.
const BATCH_LEN: usize = 500;

/// A conversation to be stored. Its ids follow from where it comes from, so that it is stored once.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedConversation {
    /// Its id.
    pub id: Uuid,
    /// What it is called, 1 to [`TITLE_CHARS_MAX`](crate::field::TITLE_CHARS_MAX) characters.
    pub title: String,
    /// A JSON object.
    pub metadata: Value,
    /// When it was archived, if it was.
    pub archived_at: Option<Timestamp>,
    /// The newest message of the branch it goes on from.
    pub head_id: Uuid,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Its messages, each after its parent.
    pub messages: Vec<ImportedMessage>,
}

/// A message to be stored with its conversation. Its text has no U+0000.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImportedMessage {
    /// Its id.
    pub id: Uuid,
    /// The message before it, which is in the list before it.
    pub parent_id: Option<Uuid>,
    /// Who wrote it.
    pub role: Role,
    /// Its text.
    pub content: String,
    /// The model, as `provider/model`.
    pub model: String,
    /// How far it got; a question is complete, and nothing is being written any more.
    pub status: Status,
    /// Why the model ended, in the AI SDK's words.
    pub finish_reason: Option<&'static str>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// What became of a conversation that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It was not there before.
    Whole,
    /// It was there, and got messages that it did not have.
    Grown,
    /// It was there with all of them.
    Known,
}

/// Stores what is not there yet of a conversation. One that is there keeps its title, and goes on from where it
/// did, unless the new messages follow right there.
pub async fn import(
    tx: &mut Tx,
    owner: Uuid,
    conversation: &ImportedConversation,
    now: Timestamp,
) -> Result<Imported, Error> {
    let ImportedConversation { id, title, metadata, archived_at, head_id, created_at, updated_at, .. } = conversation;
    let sql = "insert into conversations (id, user_id, title, metadata, archived_at, head_id, created_at, updated_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing";
    let values = params![id, owner, title, metadata, *archived_at, head_id, created_at, updated_at];
    let is_new = tx.execute(sql, values).await? > 0;
    let mut added = 0;
    for batch in conversation.messages.chunks(BATCH_LEN) {
        added += create_batch(tx, owner, *id, batch).await?;
    }
    if is_new {
        return Ok(Imported::Whole);
    }
    if added == 0 {
        return Ok(Imported::Known);
    }
    move_head(tx, owner, conversation, now).await?;
    Ok(Imported::Grown)
}

async fn create_batch(tx: &mut Tx, owner: Uuid, conversation: Uuid, batch: &[ImportedMessage]) -> Result<u64, Error> {
    let batch = serde_json::to_value(batch).expect("messages are plain JSON");
    tx.execute(
        "insert into messages
             (id, user_id, conversation_id, parent_id, role, content, model, status, finish_reason, created_at, updated_at)
         select m.id, $1, $2, m.parent_id, m.role, m.content, m.model, m.status, m.finish_reason, m.created_at, m.created_at
         from jsonb_to_recordset($3) as m
             (id uuid, parent_id uuid, role text, content text, model text, status text, finish_reason text,
              created_at timestamptz)
         on conflict (id) do nothing",
        params![owner, conversation, batch],
    )
    .await
}

/// The conversation goes on from the imported head if that follows on its own.
async fn move_head(tx: &mut Tx, owner: Uuid, conversation: &ImportedConversation, now: Timestamp) -> Result<(), Error> {
    let parents: HashMap<Uuid, Option<Uuid>> =
        conversation.messages.iter().map(|message| (message.id, message.parent_id)).collect();
    let above = |id: &Uuid| parents.get(id).copied().flatten();
    // Parents come before their children, so the way up ends.
    let branch: Vec<Uuid> = std::iter::successors(Some(conversation.head_id), above).collect();
    let sql = "update conversations
               set head_id = case when head_id is null or head_id = any($3) then $4 else head_id end, updated_at = $5
               where user_id = $1 and id = $2";
    tx.execute(sql, params![owner, conversation.id, branch, conversation.head_id, now]).await.map(drop)
}
