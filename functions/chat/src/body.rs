//! What a client may send to `POST /api/chat`: the plain body, or what the AI SDK's `useChat` sends.

use base::extract::parse_json;
use base::{Error, Result};
use domain::conversation::{CLIENT_NAME_BYTES_MAX, id_of_client_name};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest message, in bytes.
pub(crate) const CONTENT_BYTES_MAX: usize = 128 * 1024;

/// Either body.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes the two bodies to the API description; each is parsed on its own")]
pub(crate) enum ChatBody {
    Plain(PlainBody),
    AiSdk(AiSdkBody),
}

/// The plain body. Give `content` to say something, or `regenerate` to have a reply written anew.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlainBody {
    /// What the user says, up to 128 KiB.
    #[schema(min_length = 1, max_length = 131_072)]
    content: Option<String>,
    /// `provider/model`, or `openai`, `anthropic`, `anthropic-claude`, `xai`, `openrouter`, `local`.
    #[schema(max_length = 200)]
    model: Option<String>,
    /// The conversation to go on with; a new one is begun without it.
    #[schema(min_length = 1, max_length = 200)]
    conversation_id: Option<String>,
    /// An id for the new message. The same id sent again does not say it twice.
    #[schema(min_length = 1, max_length = 200)]
    message_id: Option<String>,
    /// The user's message that this one is a new wording of; both are kept.
    #[schema(min_length = 1, max_length = 200)]
    replaces: Option<String>,
    /// The reply to be written anew; both are kept.
    #[schema(min_length = 1, max_length = 200)]
    regenerate: Option<String>,
}

/// What is said in a conversation that the address names.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConversationMessage {
    /// What the user says, up to 128 KiB.
    #[schema(min_length = 1, max_length = 131_072)]
    content: String,
    /// As in the plain body of `POST /api/chat`.
    #[schema(max_length = 200)]
    model: Option<String>,
}

/// The body of the AI SDK's `DefaultChatTransport`. Only the newest message is taken from it: what came before
/// is read from the database. Further fields are ignored.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AiSdkBody {
    /// The chat's id, as the client made it up.
    #[schema(min_length = 1, max_length = 200)]
    id: String,
    /// The whole history, of which the last message counts.
    messages: Vec<AiSdkMessage>,
    /// `submit-message` (the default) or `regenerate-message`.
    #[serde(default)]
    trigger: Trigger,
    /// The message being edited or regenerated.
    #[serde(rename = "messageId")]
    message_id: Option<String>,
    /// As in the plain body.
    model: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Trigger {
    #[default]
    SubmitMessage,
    RegenerateMessage,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct AiSdkMessage {
    id: String,
    role: String,
    #[serde(default)]
    parts: Vec<AiSdkPart>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct AiSdkPart {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

/// What the client wants, whichever body said it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Send {
    pub(crate) conversation: ConversationRef,
    pub(crate) model: Option<String>,
    pub(crate) wish: Wish,
}

/// Which conversation.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) enum ConversationRef {
    /// It must be there.
    Existing(Uuid),
    /// It is begun if it is not there: the client made up its id.
    Named(Uuid),
    /// A new one.
    New,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Wish {
    /// Say something.
    Say {
        content: String,
        /// The message's id as the client named it.
        name: Option<String>,
        /// The message before it, as the client sees the conversation.
        after: Option<String>,
        /// The message it is a new wording of.
        replaces: Option<String>,
    },
    /// Write a reply anew; without an id, the newest.
    Regenerate {
        reply: Option<String>,
        /// The name and the words of the question, as the client sees it.
        question: Option<(String, String)>,
    },
}

impl Send {
    /// Reads either body: one with `messages` is the AI SDK's.
    pub(crate) fn from_json(body: &[u8], user: Uuid) -> Result<Self> {
        #[derive(Deserialize)]
        struct Shape {
            messages: Option<serde::de::IgnoredAny>,
        }
        if parse_json::<Shape>(body)?.messages.is_some() {
            Self::from_ai_sdk(parse_json(body)?, user)
        } else {
            Self::from_plain(parse_json(body)?, user)
        }
    }

    /// Something said in a conversation that must be there.
    pub(crate) fn from_conversation(message: ConversationMessage, conversation: Uuid) -> Result<Self> {
        let content = checked_content(message.content, "/content")?;
        let wish = Wish::Say { content, name: None, after: None, replaces: None };
        Ok(Self { conversation: ConversationRef::Existing(conversation), model: message.model, wish })
    }

    fn from_plain(body: PlainBody, user: Uuid) -> Result<Self> {
        let conversation = match body.conversation_id {
            Some(name) => ConversationRef::Existing(id_of_client_name(user, &checked_name(name, "/conversation_id")?)),
            None => ConversationRef::New,
        };
        let name = body.message_id.map(|name| checked_name(name, "/message_id")).transpose()?;
        let replaces = body.replaces.map(|name| checked_name(name, "/replaces")).transpose()?;
        let reply = body.regenerate.map(|name| checked_name(name, "/regenerate")).transpose()?;
        let wish = match (body.content, reply) {
            (Some(content), None) => {
                Wish::Say { content: checked_content(content, "/content")?, name, after: None, replaces }
            }
            (None, Some(reply)) => Wish::Regenerate { reply: Some(reply), question: None },
            (Some(_), Some(_)) => return Err(Error::invalid("/regenerate", "Give either content or regenerate.")),
            (None, None) => return Err(Error::invalid("/content", "Say something.")),
        };
        let needs_conversation = matches!(wish, Wish::Regenerate { .. } | Wish::Say { replaces: Some(_), .. });
        if needs_conversation && conversation == ConversationRef::New {
            return Err(Error::invalid("/conversation_id", "Name the conversation that the message is in."));
        }
        Ok(Self { conversation, model: body.model, wish })
    }

    fn from_ai_sdk(mut body: AiSdkBody, user: Uuid) -> Result<Self> {
        let id = id_of_client_name(user, &checked_name(body.id, "/id")?);
        let message_id = body.message_id.map(|name| checked_name(name, "/messageId")).transpose()?;
        if body.trigger == Trigger::RegenerateMessage {
            // The client sends the branch down to the question, unless it has nothing to show.
            let question = body.messages.pop().filter(|message| message.role == "user");
            let question = question.map(|message| (message.id, joined(message.parts)));
            let wish = Wish::Regenerate { reply: message_id, question };
            return Ok(Self { conversation: ConversationRef::Existing(id), model: body.model, wish });
        }
        let index = body.messages.len().saturating_sub(1);
        let last = body
            .messages
            .pop()
            .filter(|message| message.role == "user")
            .ok_or_else(|| Error::invalid(format!("/messages/{index}"), "The last message must be the user's."))?;
        let content = text_of(last.parts, index)?;
        let wish = Wish::Say {
            content: checked_content(content, &format!("/messages/{index}/parts"))?,
            name: Some(checked_name(last.id, &format!("/messages/{index}/id"))?),
            after: body.messages.pop().map(|message| message.id),
            replaces: message_id,
        };
        Ok(Self { conversation: ConversationRef::Named(id), model: body.model, wish })
    }
}

/// The id of a message that the client named. A new wording under the same name is another message, whose id
/// follows from the words, so that sending it again does not make a third.
pub(crate) fn id_of_wording(conversation: Uuid, name: &str, content: &str) -> Uuid {
    let digest = Sha256::digest(content);
    let scope = id_of_client_name(conversation, name);
    Uuid::new_v5(&scope, &digest)
}

/// The words of a message that was taken before.
fn joined(parts: Vec<AiSdkPart>) -> String {
    parts.into_iter().filter_map(|part| part.text).collect::<Vec<_>>().join("\n")
}

fn text_of(parts: Vec<AiSdkPart>, message: usize) -> Result<String> {
    let mut texts = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        match (part.kind.as_str(), part.text) {
            ("text", Some(text)) => texts.push(text),
            _ => {
                return Err(Error::invalid(
                    format!("/messages/{message}/parts/{index}"),
                    "Only text parts are taken in a user's message.",
                ));
            }
        }
    }
    Ok(texts.join("\n"))
}

fn checked_content(content: String, pointer: &str) -> Result<String> {
    if content.trim().is_empty() {
        return Err(Error::invalid(pointer, "Say something."));
    }
    if content.len() > CONTENT_BYTES_MAX {
        return Err(Error::invalid(pointer, format!("A message may have up to {CONTENT_BYTES_MAX} bytes.")));
    }
    if content.contains('\0') {
        return Err(Error::invalid(pointer, "A message cannot hold the character U+0000."));
    }
    Ok(content)
}

fn checked_name(name: String, pointer: &str) -> Result<String> {
    if (1..=CLIENT_NAME_BYTES_MAX).contains(&name.len()) {
        Ok(name)
    } else {
        Err(Error::invalid(pointer, format!("Give 1 to {CLIENT_NAME_BYTES_MAX} bytes.")))
    }
}

#[cfg(test)]
mod tests;
