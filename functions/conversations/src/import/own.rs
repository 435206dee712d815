//! A conversation as `GET /api/conversations/{id}/export` gives it.

use domain::conversation::import::ImportedConversation;
use domain::conversation::title_of;
use domain::field::{Metadata, Title};
use domain::message::{Role, Status};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::tree::{Node, Said, Setting, Tree};
use super::{MESSAGES_MAX, Problem, Readable, keepable, model_name, sane, text};

/// What the file calls itself.
pub(crate) const FORMAT: &str = "almanac.conversation";
/// Which version of it.
pub(crate) const VERSION: u64 = 1;
/// The model of messages that name none.
const MODEL_UNKNOWN: &str = "local/unknown";
/// Why models end, in the AI SDK's words.
const FINISH_REASONS: [&str; 5] = ["stop", "length", "content-filter", "tool-calls", "other"];

/// Reads a conversation. Its ids follow from the user and its old ones, so that it can be stored beside the
/// original, which may be somebody else's.
pub(super) fn read(value: &Value, user: Uuid, now: Timestamp) -> Result<Readable, Problem> {
    if value.get("version").and_then(Value::as_u64) != Some(VERSION) {
        return Err("It is of a version that is not known.");
    }
    let told = value.get("conversation").unwrap_or(&Value::Null);
    let original_id: Uuid = text(told, "id").and_then(|id| id.parse().ok()).ok_or("It has no id.")?;
    let messages = value.get("messages").and_then(Value::as_array).ok_or("It has no messages.")?;
    if messages.len() > MESSAGES_MAX {
        return Err("It has more than 20,000 messages.");
    }
    let tree = Tree::of_nodes(messages.iter().filter_map(node).collect());
    let title = text(told, "title").and_then(Title::of_text);
    let title =
        title.map_or_else(|| title_of(tree.first_question().unwrap_or_default()), |title| title.as_str().to_owned());
    let id = Uuid::new_v5(&user, format!("almanac:{original_id}").as_bytes());
    let created_at = time(told, "created_at").map_or(now, |time| sane(time, now));
    let updated_at = time(told, "updated_at").map_or(created_at, |time| sane(time, now).max(created_at));
    let metadata = told.get("metadata").cloned().unwrap_or_default();
    let metadata: Metadata = serde_json::from_value(metadata).unwrap_or_default();
    let setting = Setting { conversation: id, model: MODEL_UNKNOWN, began: created_at, now };
    let (head_id, messages) = tree.into_messages(text(told, "head_id"), &setting)?;
    let archived_at = time(told, "archived_at").map(|time| sane(time, now));
    let metadata = metadata.into_value();
    let conversation =
        ImportedConversation { id, title, metadata, archived_at, head_id, created_at, updated_at, messages };
    Ok(Readable { conversation, original_id: Some(original_id) })
}

fn node(message: &Value) -> Option<Node> {
    let key = text(message, "id")?.to_owned();
    Some(Node { key, parent: text(message, "parent_id").map(str::to_owned), said: said(message) })
}

/// What a message says. A reply without text is kept: it stands where something was asked.
fn said(message: &Value) -> Option<Said> {
    let role = match text(message, "role")? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return None,
    };
    let content = keepable(text(message, "content")?);
    if role == Role::User && content.trim().is_empty() {
        return None;
    }
    let status = match text(message, "status") {
        Some("complete") => Status::Complete,
        Some("stopped") => Status::Stopped,
        Some("failed") => Status::Failed,
        _ => Status::Interrupted,
    };
    let reason = text(message, "finish_reason");
    let finish_reason = FINISH_REASONS.into_iter().find(|known| Some(*known) == reason);
    let model = text(message, "model").and_then(model_name).map(str::to_owned);
    Some(Said { role, content, model, status, finish_reason, created_at: time(message, "created_at") })
}

fn time(value: &Value, key: &str) -> Option<Timestamp> {
    text(value, key)?.parse().ok()
}
