//! A conversation to read: Markdown.

use domain::conversation::Conversation;
use domain::message::{Message, Role, Status};

/// What the file begins with.
pub(crate) fn head(conversation: &Conversation) -> String {
    format!("# {}\n", conversation.title)
}

/// One message under a heading that says who wrote it.
pub(crate) fn message(message: &Message) -> String {
    let writer = match message.role {
        Role::User => "You",
        Role::Assistant => &message.model,
    };
    let ended = match message.status {
        Status::Complete => "",
        Status::Streaming => "\n\n*(being written)*",
        Status::Stopped => "\n\n*(stopped)*",
        Status::Interrupted | Status::Failed => "\n\n*(broken off)*",
    };
    // To the second: more digits tell a reader nothing.
    let at = message.created_at.strftime("%Y-%m-%d %H:%M:%S UTC");
    format!("\n## {writer}, {at}\n\n{}{ended}\n", message.content.trim())
}
