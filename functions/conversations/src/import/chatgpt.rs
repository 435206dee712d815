//! A conversation as ChatGPT exports it.
//!
//! OpenAI documents no format. This reads what exports have had since 2023: `mapping` holds the nodes of a tree by
//! their ids, `current_node` is the leaf that is shown. Fields come and go, so each is looked for and none is
//! needed; what is of an unknown kind is kept as the text that it has, or named.

mod content;

use domain::conversation::import::ImportedConversation;
use domain::conversation::title_of;
use domain::field::Title;
use domain::message::{Role, Status};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::tree::{Node, Said, Setting, Tree};
use super::{MESSAGES_MAX, Problem, SOURCE_ID_BYTES_MAX, model_name, sane, text};

/// The model of messages that name none.
const MODEL_UNKNOWN: &str = "openai/unknown";

/// Reads a conversation. `source` is its text, which names one that has no id.
pub(crate) fn read(value: &Value, source: &[u8], user: Uuid, now: Timestamp) -> Result<ImportedConversation, Problem> {
    let tree = Tree::of_nodes(nodes(value)).join_replies();
    if tree.len() > MESSAGES_MAX {
        return Err("It has more than 20,000 messages.");
    }
    let source_id = text(value, "conversation_id").or_else(|| text(value, "id"));
    let source_id = source_id.filter(|id| (1..=SOURCE_ID_BYTES_MAX).contains(&id.len()) && !id.contains('\0'));
    let id = match source_id {
        Some(source_id) => Uuid::new_v5(&user, format!("chatgpt:{source_id}").as_bytes()),
        None => Uuid::new_v5(&user, &Sha256::digest(source)),
    };
    let title = text(value, "title").and_then(Title::of_text);
    let title =
        title.map_or_else(|| title_of(tree.first_question().unwrap_or_default()), |title| title.as_str().to_owned());
    let began = time(value, "create_time").map(|time| sane(time, now));
    let model = text(value, "default_model_slug").and_then(model_of_slug);
    let model = model.as_deref().unwrap_or(MODEL_UNKNOWN);
    let setting = Setting { conversation: id, model, began: began.unwrap_or(now), now };
    let (head_id, messages) = tree.into_messages(text(value, "current_node"), &setting)?;
    let first = messages.iter().map(|message| message.created_at).min().unwrap_or(now);
    let created_at = began.unwrap_or(first);
    let updated_at = time(value, "update_time").map_or(created_at, |time| sane(time, now).max(created_at));
    let is_archived = value.get("is_archived").and_then(Value::as_bool).unwrap_or_default();
    Ok(ImportedConversation {
        id,
        title,
        metadata: json!({"imported": {"from": "chatgpt", "id": source_id}}),
        archived_at: is_archived.then_some(updated_at),
        head_id,
        created_at,
        updated_at,
        messages,
    })
}

/// The nodes of the tree. Where a node does not name its parent, the one that names it as a child is it.
fn nodes(value: &Value) -> Vec<Node> {
    let mapping = value.get("mapping").and_then(Value::as_object).into_iter().flatten();
    let mut nodes: Vec<Node> = Vec::new();
    let mut claimed = std::collections::HashMap::new();
    for (key, node) in mapping {
        let children = node.get("children").and_then(Value::as_array).into_iter().flatten();
        claimed.extend(children.filter_map(Value::as_str).map(|child| (child.to_owned(), key.clone())));
        let said = node.get("message").and_then(said);
        nodes.push(Node { key: key.clone(), parent: text(node, "parent").map(str::to_owned), said });
    }
    for node in nodes.iter_mut().filter(|node| node.parent.is_none()) {
        node.parent = claimed.remove(&node.key);
    }
    nodes
}

/// What a message says to the user or to the model; nothing when it is hidden, empty, or of a tool.
fn said(message: &Value) -> Option<Said> {
    let metadata = message.get("metadata").unwrap_or(&Value::Null);
    let flag = |key: &str| metadata.get(key).and_then(Value::as_bool).unwrap_or_default();
    // The weight of what ChatGPT itself does not show is 0.
    let is_hidden = flag("is_visually_hidden_from_conversation")
        || flag("is_user_system_message")
        || message.get("weight").and_then(Value::as_f64).is_some_and(|weight| weight <= 0.0);
    if is_hidden {
        return None;
    }
    let (role, content) = match message.get("author").and_then(|author| text(author, "role")) {
        Some("user") => (Role::User, content::of(message)?),
        // What the model says to a tool is not for the user.
        Some("assistant") if text(message, "recipient").is_none_or(|to| to == "all") => {
            (Role::Assistant, content::of(message)?)
        }
        // A picture that was made comes from the tool that made it.
        Some("tool") => (Role::Assistant, content::pictures_of(message)?),
        _ => return None,
    };
    let (status, finish_reason) = ending(message, metadata);
    let model = text(metadata, "model_slug").and_then(model_of_slug);
    Some(Said { role, content, model, status, finish_reason, created_at: time(message, "create_time") })
}

/// How a reply ended.
fn ending(message: &Value, metadata: &Value) -> (Status, Option<&'static str>) {
    let finish = metadata.get("finish_details").and_then(|finish| text(finish, "type"));
    match (finish, text(message, "status")) {
        (Some("interrupted"), _) => (Status::Stopped, None),
        (Some("max_tokens"), _) => (Status::Complete, Some("length")),
        (_, Some("in_progress")) => (Status::Interrupted, None),
        _ => (Status::Complete, Some("stop")),
    }
}

fn model_of_slug(slug: &str) -> Option<String> {
    model_name(slug).map(|slug| format!("openai/{slug}"))
}

/// A time, in seconds since 1970 with a fraction.
fn time(value: &Value, key: &str) -> Option<Timestamp> {
    let seconds = value.get(key).and_then(Value::as_f64).filter(|seconds| seconds.is_finite() && *seconds > 0.0)?;
    #[expect(clippy::cast_possible_truncation, reason = "what is out of range becomes the greatest number")]
    Timestamp::from_microsecond((seconds * 1_000_000.0).round() as i64).ok()
}
