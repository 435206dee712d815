//! Messages: what the user asked and what a model replied, as a tree.

use base::db::Tx;
use base::page::Page;
use base::params;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

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

    fn from_name(name: &str) -> Self {
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
            role: if row.get::<_, &str>("role") == "user" { Role::User } else { Role::Assistant },
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

/// The messages from the root of a branch down to `leaf`, the newest `count_max` of them, oldest first.
pub async fn list_branch(tx: &mut Tx, owner: Uuid, leaf: Uuid, count_max: i64) -> Result<Vec<Message>, Error> {
    let sql = format!(
        "with recursive branch as (
             select m.*, 1 as depth from messages m where m.user_id = $1 and m.id = $2
             union all
             select m.*, b.depth + 1 from messages m join branch b on m.id = b.parent_id
             where m.user_id = $1 and b.depth < $3
         )
         select {COLUMNS} from branch order by depth desc"
    );
    Ok(tx.query(&sql, params![owner, leaf, count_max]).await?.iter().map(Message::from_row).collect())
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
    Alive,
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
             returning stop_requested_at is not null",
            params![owner, id, content, alive_seconds],
        )
        .await?;
    Ok(match rows.first().map(|row| row.get(0)) {
        Some(false) => Saved::Alive,
        Some(true) => Saved::StopRequested,
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

/// Ends a reply with its whole text. Returns whether it was still this writer's to end; an ending that was
/// stored already, with its answer lost on the way, counts as stored.
pub async fn end_reply(tx: Tx, owner: Uuid, id: Uuid, content: &str, ending: &Ending) -> Result<bool, Error> {
    let Ending { status, finish_reason, error_code, usage } = ending;
    let rows = tx
        .query_and_commit(
            "update messages set content = $3, status = $4, finish_reason = $5, error_code = $6, input_tokens = $7,
                 output_tokens = $8, usage_estimated = $9, alive_until = null, updated_at = now()
             where user_id = $1 and id = $2 and (status = 'streaming' or (status = $4 and content = $3))
             returning id",
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
    Ok(!rows.is_empty())
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
