//! Which message a send wants answered: a new one, an edit of an earlier one, or one that is there already.

use base::db::Tx;
use base::{Error, Result};
use domain::conversation::{Conversation, id_of_client_name};
use domain::message::{self, Message, Role};
use uuid::Uuid;

use crate::App;
use crate::body::{Wish, id_of_wording};

/// The message to be answered.
pub(crate) enum Question<'a> {
    /// It is in the database.
    Known(Uuid),
    /// It is to be stored.
    New { id: Uuid, parent_id: Option<Uuid>, content: &'a str },
}

/// Finds the message to be answered. In a conversation that was begun just now, nothing can be known yet.
pub(crate) async fn find<'a>(
    tx: &mut Tx,
    app: &App,
    owner: Uuid,
    conversation: &Conversation,
    is_new: bool,
    wish: &'a Wish,
) -> Result<Question<'a>> {
    match wish {
        Wish::Say { content, name, .. } if is_new => {
            Ok(Question::New { id: id_of(app, conversation, name.as_deref()), parent_id: None, content })
        }
        Wish::Say { content, name, after, replaces } => {
            let id = id_of(app, conversation, name.as_deref());
            let place = Place { id, name: name.as_deref(), after: after.as_deref(), replaces: replaces.as_deref() };
            ask(tx, owner, conversation, content, place).await
        }
        Wish::Regenerate { reply, question } => {
            question_of(tx, owner, conversation, reply.as_deref(), question.as_ref()).await
        }
    }
}

/// The id of a new message: the one its client named, or a fresh one.
fn id_of(app: &App, conversation: &Conversation, name: Option<&str>) -> Uuid {
    name.map_or_else(|| app.clock.new_id(), |name| id_of_client_name(conversation.id, name))
}

/// Where a new message goes, as the client named things.
struct Place<'a> {
    id: Uuid,
    name: Option<&'a str>,
    after: Option<&'a str>,
    replaces: Option<&'a str>,
}

async fn ask<'a>(
    tx: &mut Tx,
    owner: Uuid,
    conversation: &Conversation,
    content: &'a str,
    place: Place<'_>,
) -> Result<Question<'a>> {
    let in_conversation = |found: Option<Message>| found.filter(|message| message.conversation_id == conversation.id);
    let same_id = in_conversation(message::find(tx, owner, place.id).await?);
    if same_id.as_ref().is_some_and(|known| known.role == Role::User && known.content == content) {
        return Ok(Question::Known(place.id));
    }
    // A name that is known with other words is an edit, whether the client calls it one or not.
    let edited = match (place.replaces, same_id) {
        (_, Some(known)) => Some(known),
        (Some(name), None) => {
            let id = id_of_client_name(conversation.id, name);
            in_conversation(message::find(tx, owner, id).await?)
        }
        (None, None) => None,
    };
    if let Some(edited) = edited {
        if edited.role != Role::User {
            return Err(Error::invalid("/messageId", "Only the user's own messages can be edited."));
        }
        let id = match place.name {
            Some(name) => id_of_wording(conversation.id, name, content),
            None => place.id,
        };
        if message::find(tx, owner, id).await?.is_some() {
            return Ok(Question::Known(id));
        }
        return Ok(Question::New { id, parent_id: edited.parent_id, content });
    }
    let after = match place.after {
        Some(name) => in_conversation(message::find(tx, owner, id_of_client_name(conversation.id, name)).await?),
        None => None,
    };
    let parent_id = after.map(|message| message.id).or(conversation.head_id);
    Ok(Question::New { id: place.id, parent_id, content })
}

/// The question whose reply is to be written anew: that of the reply that is named, else the one the client
/// sees last, else the newest.
async fn question_of(
    tx: &mut Tx,
    owner: Uuid,
    conversation: &Conversation,
    reply: Option<&str>,
    question: Option<&(String, String)>,
) -> Result<Question<'static>> {
    let named = reply.map(|name| id_of_client_name(conversation.id, name));
    // An edit keeps the name of what it replaces, so the words tell which wording is meant.
    let worded = question.map(|(name, content)| id_of_wording(conversation.id, name, content));
    let asked = question.map(|(name, _)| id_of_client_name(conversation.id, name));
    let newest = conversation.head_id.filter(|_| reply.is_none());
    let mut named_question = None;
    for id in [named, worded, asked, newest].into_iter().flatten() {
        let message = message::find(tx, owner, id).await?;
        match message.filter(|message| message.conversation_id == conversation.id) {
            Some(Message { role: Role::Assistant, parent_id: Some(question), .. }) => {
                return Ok(Question::Known(question));
            }
            // The name of a question may stand for a later wording of it, which is looked for first.
            Some(_) if Some(id) == named => named_question = Some(id),
            Some(_) => return Ok(Question::Known(id)),
            None => {}
        }
    }
    named_question.map(Question::Known).ok_or_else(|| Error::not_found("reply"))
}
