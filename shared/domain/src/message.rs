//! Messages: what the user asked and what a model replied, as a tree.

mod branch;
mod reply;

use base::db::Tx;
use base::page::Page;
use base::params;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

pub use branch::{Outline, copy_branch, find_all, list_branch, outline_branch, outline_conversation};
pub use reply::{
    Ended, Ending, NewMessage, Saved, create_question, create_reply, end_abandoned, end_reply, note_follower,
    request_stop, save_progress,
};

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MessageRole)]
pub enum Role {
    /// The user.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// Reads the database's word; a constraint keeps it to the known ones.
    pub(crate) fn from_name(name: &str) -> Self {
        if name == "user" { Self::User } else { Self::Assistant }
    }
}

/// How far a reply got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MessageStatus)]
pub enum Status {
    /// It is being written.
    Streaming,
    /// It is whole.
    Complete,
    /// The user stopped it; the text up to then is kept.
    Stopped,
    /// It broke off: the provider or our process went away. The text up to then is kept.
    Interrupted,
    /// The provider refused or reported an error. Text that came before it is kept.
    Failed,
}

impl Status {
    /// The database's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Streaming => "streaming",
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }

    /// Reads the database's word.
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "streaming" => Self::Streaming,
            "complete" => Self::Complete,
            "stopped" => Self::Stopped,
            "failed" => Self::Failed,
            _ => Self::Interrupted,
        }
    }
}

/// What a reply cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MessageUsage)]
pub struct Usage {
    /// Tokens the model read.
    pub input_tokens: i64,
    /// Tokens the model wrote.
    pub output_tokens: i64,
    /// Whether we counted because the provider did not get to tell.
    pub estimated: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Message {
    /// Its id.
    pub id: Uuid,
    /// The conversation it belongs to.
    pub conversation_id: Uuid,
    /// The message before it in its branch. Messages with the same parent are alternatives.
    pub parent_id: Option<Uuid>,
    /// Who wrote it.
    pub role: Role,
    /// Its text.
    pub content: String,
    /// The model that answers, as `provider/model`.
    pub model: String,
    /// How far it got.
    pub status: Status,
    /// Why the model ended, in the AI SDK's words: `stop`, `length`, `content-filter`, `tool-calls`, `other`.
    pub finish_reason: Option<String>,
    /// What went wrong, as a stable name, when it is `failed` or `interrupted`.
    pub error_code: Option<String>,
    /// What it cost, once known.
    pub usage: Option<Usage>,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A reply whose writer has not been heard of in time is interrupted, whatever its row still says.
const COLUMNS: &str = "id, conversation_id, parent_id, role, content, model,
    case when status = 'streaming' and alive_until < now() then 'interrupted' else status end as status,
    finish_reason, error_code, input_tokens, output_tokens, usage_estimated, created_at, updated_at";

impl Message {
    fn from_row(row: &Row) -> Self {
        let tokens = (row.get::<_, Option<i64>>("input_tokens"), row.get::<_, Option<i64>>("output_tokens"));
        Self {
            id: row.get("id"),
            conversation_id: row.get("conversation_id"),
            parent_id: row.get("parent_id"),
            role: Role::from_name(row.get("role")),
            content: row.get("content"),
            model: row.get("model"),
            status: Status::from_name(row.get("status")),
            finish_reason: row.get("finish_reason"),
            error_code: row.get("error_code"),
            usage: match tokens {
                (None, None) => None,
                (input, output) => Some(Usage {
                    input_tokens: input.unwrap_or_default(),
                    output_tokens: output.unwrap_or_default(),
                    estimated: row.get("usage_estimated"),
                }),
            },
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// One message.
pub async fn find(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Option<Message>, Error> {
    let sql = format!("select {COLUMNS} from messages where user_id = $1 and id = $2");
    Ok(tx.query_opt(&sql, params![owner, id]).await?.as_ref().map(Message::from_row))
}

/// Words to search for, as the database can take them: a NUL is in no text, so it only parts words.
pub(crate) fn searchable(words: Option<&str>) -> Option<String> {
    words.map(|words| words.replace('\0', " "))
}

/// A page of messages, newest first, of one conversation or of all. `words` keeps those that hold all of them.
pub async fn list(
    tx: Tx,
    owner: Uuid,
    conversation: Option<Uuid>,
    page: &Page,
    words: Option<&str>,
) -> Result<Vec<Message>, Error> {
    let sql = format!(
        "select {COLUMNS} from messages
         where user_id = $1
           and ($2::uuid is null or conversation_id = $2)
           and ($3::timestamptz is null or created_at < $3)
           and ($4::uuid is null
                or (created_at, id) < (select created_at, id from messages where user_id = $1 and id = $4))
           and ($5::text is null or search @@ websearch_to_tsquery('simple', $5))
         order by created_at desc, id desc limit $6"
    );
    let words = searchable(words);
    let rows = tx
        .query_and_commit(&sql, params![owner, conversation, page.before_time(), page.before_id(), words, page.fetch()])
        .await?;
    Ok(rows.iter().map(Message::from_row).collect())
}

/// The newest reply to a message.
pub async fn find_reply_to(tx: &mut Tx, owner: Uuid, parent: Uuid) -> Result<Option<Message>, Error> {
    let sql = format!(
        "select {COLUMNS} from messages where user_id = $1 and parent_id = $2 and role = 'assistant'
         order by created_at desc, id desc limit 1"
    );
    Ok(tx.query_opt(&sql, params![owner, parent]).await?.as_ref().map(Message::from_row))
}

/// The reply that a conversation's row says is being written, even if its writer is gone.
pub async fn find_streaming(tx: &mut Tx, owner: Uuid, conversation: Uuid) -> Result<Option<Message>, Error> {
    let sql = format!(
        "select {COLUMNS} from messages where user_id = $1 and conversation_id = $2 and messages.status = 'streaming'"
    );
    Ok(tx.query_opt(&sql, params![owner, conversation]).await?.as_ref().map(Message::from_row))
}
