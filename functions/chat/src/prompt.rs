//! What a model is shown of a conversation.

use domain::message::Role;
use providers::{ChatPrompt, Turn};

/// How much text the model is shown, in bytes; older messages are left out first.
const CONTEXT_BYTES_MAX: usize = 400_000;

/// What the model is shown: the branch without empty replies, the newest that fits, a user's message first.
pub(crate) fn prompt_of(context: Vec<(Role, String)>, model: String) -> ChatPrompt {
    let mut room = CONTEXT_BYTES_MAX;
    let newest_first = context.into_iter().rev().filter(|(_, text)| !text.is_empty());
    let mut turns: Vec<Turn> = newest_first
        .enumerate()
        .map_while(|(index, (role, text))| {
            room = match room.checked_sub(text.len()) {
                Some(left) => left,
                None if index == 0 => 0,
                None => return None,
            };
            let role = match role {
                Role::User => providers::Role::User,
                Role::Assistant => providers::Role::Assistant,
            };
            Some(Turn { role, text })
        })
        .collect();
    turns.reverse();
    let first_user = turns.iter().position(|turn| turn.role == providers::Role::User).unwrap_or(turns.len());
    turns.drain(..first_user);
    ChatPrompt { model, system: None, turns, output_tokens_max: None }
}
