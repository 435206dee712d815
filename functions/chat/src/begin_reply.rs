//! Committing a question and the empty reply to it, before any provider is called.
//!
//! One transaction holds the conversation's row, so that sends to it come one after the other. The same
//! message sent twice finds its first self and joins the reply to it.

use base::db::{OnConstraint, Tx};
use base::idempotency::{IdempotencyKey, Kept};
use base::{Error, Result};
use domain::conversation::{self, Change, Conversation, NewConversation, UNTITLED, title_of};
use domain::message::{self, Message, NewMessage, Role, Status};
use http::StatusCode;
use jiff::{Timestamp, ToSpan};
use serde_json::json;
use uuid::Uuid;

use crate::App;
use crate::body::{ConversationRef, Send, Wish};
use crate::question::{self, Question};

/// How many messages of a branch the model is shown, the newest.
const CONTEXT_MESSAGES_MAX: i64 = 100;

/// What a send led to.
pub(crate) enum Begun {
    /// A new reply is to be written.
    New(Box<NewReply>),
    /// The message was there already, and so is its reply.
    Known { question_id: Uuid, reply: Box<Message> },
}

/// A reply to be written.
pub(crate) struct NewReply {
    pub(crate) owner: Uuid,
    pub(crate) conversation_id: Uuid,
    pub(crate) question_id: Uuid,
    pub(crate) reply_id: Uuid,
    /// The title, when the conversation was begun with this.
    pub(crate) title: Option<String>,
    /// The branch down to the question, oldest first.
    pub(crate) context: Vec<(Role, String)>,
}

/// Stores what a send asks for.
pub(crate) async fn begin_reply(
    app: &App,
    owner: Uuid,
    send: &Send,
    key: &IdempotencyKey,
    model: &str,
) -> Result<Begun> {
    let now = app.clock.now();
    let mut tx = app.db.as_writer(owner).await?;
    if let Some(kept) = key.claim(&mut tx, owner, "POST /api/chat", send).await? {
        return join_kept(tx, owner, &kept).await;
    }
    let (conversation, is_new) = open_conversation(&mut tx, app, owner, send, now).await?;
    let question = question::find(&mut tx, app, owner, &conversation, is_new, &send.wish).await?;
    if let Question::Known(question_id) = question
        && !matches!(send.wish, Wish::Regenerate { .. })
        && let Some(reply) = message::find_reply_to(&mut tx, owner, question_id).await?
    {
        key.keep(&mut tx, owner, StatusCode::OK, &reply.id).await?;
        tx.commit().await?;
        return Ok(Begun::Known { question_id, reply: Box::new(reply) });
    }
    if !is_new {
        refuse_while_streaming(&mut tx, owner, conversation.id).await?;
    }
    let title = name_conversation(&mut tx, owner, &conversation, is_new, &send.wish, now).await?;
    let (question_id, context) = store_question(&mut tx, owner, &conversation, question, model, now).await?;
    // The reply sorts after its question also when both are begun in the same microsecond.
    let created_at = now.checked_add(1.microsecond()).unwrap_or(now);
    let reply_id = app.clock.new_id();
    let parent_id = Some(question_id);
    let new = NewMessage { id: reply_id, conversation_id: conversation.id, parent_id, model, created_at };
    key.keep(&mut tx, owner, StatusCode::OK, &reply_id).await?;
    message::create_reply(tx, owner, &new, app.lease.0.as_secs_f64()).await?;
    let conversation_id = conversation.id;
    Ok(Begun::New(Box::new(NewReply { owner, conversation_id, question_id, reply_id, title, context })))
}

/// Stores the question unless it is known, and gives its id with the branch down to it.
async fn store_question(
    tx: &mut Tx,
    owner: Uuid,
    conversation: &Conversation,
    question: Question<'_>,
    model: &str,
    now: Timestamp,
) -> Result<(Uuid, Vec<(Role, String)>)> {
    let (leaf, new) = match question {
        Question::Known(id) => (Some(id), None),
        Question::New { id, parent_id, content } => (parent_id, Some((id, content))),
    };
    let branch = match leaf {
        Some(leaf) => message::list_branch(tx, owner, leaf, CONTEXT_MESSAGES_MAX).await?,
        None => Vec::new(),
    };
    let mut context: Vec<(Role, String)> = branch.into_iter().map(|message| (message.role, message.content)).collect();
    match (leaf, new) {
        (parent_id, Some((id, words))) => {
            let new = NewMessage { id, conversation_id: conversation.id, parent_id, model, created_at: now };
            let stored = message::create_question(tx, owner, &new, words).await;
            stored.on_constraint("messages_pkey", || {
                Error::conflict("id_taken", "The message's id is already in use.")
            })?;
            context.push((Role::User, words.to_owned()));
            Ok((id, context))
        }
        (Some(id), None) => Ok((id, context)),
        (None, None) => Err(Error::not_found("question")),
    }
}

/// The reply to the send that had the idempotency key first.
async fn join_kept(mut tx: Tx, owner: Uuid, kept: &Kept) -> Result<Begun> {
    let id: Option<Uuid> = serde_json::from_str(&kept.answer).ok();
    let reply = match id {
        Some(id) => message::find(&mut tx, owner, id).await?,
        None => None,
    };
    tx.commit().await?;
    // The conversation may have been deleted since.
    let reply = reply.ok_or_else(|| Error::not_found("reply"))?;
    Ok(Begun::Known { question_id: reply.parent_id.unwrap_or(reply.id), reply: Box::new(reply) })
}

/// The conversation, begun if it may be, and whether it was.
async fn open_conversation(
    tx: &mut Tx,
    app: &App,
    owner: Uuid,
    send: &Send,
    now: Timestamp,
) -> Result<(Conversation, bool)> {
    let (id, may_begin) = match send.conversation {
        ConversationRef::Existing(id) => (id, false),
        ConversationRef::Named(id) => (id, true),
        ConversationRef::New => (app.clock.new_id(), true),
    };
    if may_begin && let Wish::Say { content, .. } = &send.wish {
        let title = title_of(content);
        let new = NewConversation { id, title: &title, metadata: json!({}), head_id: None, created_at: now };
        if let Some(conversation) = conversation::create(tx, owner, &new).await? {
            return Ok((conversation, true));
        }
    }
    let found = conversation::find_and_lock(tx, owner, id).await?.ok_or_else(|| Error::not_found("conversation"))?;
    Ok((found, false))
}

/// The title that the first message gives: a new conversation has it already, one that was begun empty and without
/// a title gets it now.
async fn name_conversation(
    tx: &mut Tx,
    owner: Uuid,
    conversation: &Conversation,
    is_new: bool,
    wish: &Wish,
    now: Timestamp,
) -> Result<Option<String>> {
    let is_nameless = conversation.head_id.is_none() && conversation.title == UNTITLED;
    match wish {
        _ if is_new => Ok(Some(conversation.title.clone())),
        Wish::Say { content, .. } if is_nameless => {
            let change = Change { title: Some(title_of(content)), ..Change::default() };
            conversation::update(tx, owner, conversation.id, &change, now).await?;
            Ok(change.title)
        }
        _ => Ok(None),
    }
}

/// A conversation has one reply at a time. One whose writer is gone is ended first.
async fn refuse_while_streaming(tx: &mut Tx, owner: Uuid, conversation: Uuid) -> Result<()> {
    match message::find_streaming(tx, owner, conversation).await? {
        Some(reply) if reply.status == Status::Streaming => Err(Error::conflict(
            "reply_in_progress",
            "A reply is being written in this conversation. Wait for it, or stop it first.",
        )),
        Some(reply) => Ok(message::end_abandoned(tx, owner, reply.id).await?),
        None => Ok(()),
    }
}
