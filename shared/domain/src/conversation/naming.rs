//! What a conversation is called: its title, and the name a client made up for it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The title of a conversation about which nothing is known yet. The first message gives it another.
pub const UNTITLED: &str = "New conversation";
/// The longest id that a client may make up, in bytes.
pub const CLIENT_NAME_BYTES_MAX: usize = 200;
/// How long a title made from a message gets, in characters.
const TITLE_CHARS: usize = 60;

/// An id that a client made up: a UUID, or any name of 1 to [`CLIENT_NAME_BYTES_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 200)]
pub struct ClientName(String);

impl ClientName {
    /// The id behind it, see [`id_of_client_name`].
    pub fn to_id(&self, scope: Uuid) -> Uuid {
        id_of_client_name(scope, &self.0)
    }
}

impl TryFrom<String> for ClientName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if (1..=CLIENT_NAME_BYTES_MAX).contains(&name.len()) { Ok(Self(name)) } else { Err("not 1 to 200 bytes") }
    }
}

/// The id behind a name that a client chose. Clients of the AI SDK make up short ids; those map to the same
/// UUID each time, within `scope` only: the user for a conversation, the conversation for a message.
pub fn id_of_client_name(scope: Uuid, name: &str) -> Uuid {
    name.parse().unwrap_or_else(|_| Uuid::new_v5(&scope, name.as_bytes()))
}

/// A title from the first message: its first line of text, cut at a word.
pub fn title_of(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(UNTITLED);
    let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= TITLE_CHARS {
        return words;
    }
    let room = words.char_indices().nth(TITLE_CHARS - 1).map_or(words.len(), |(end, _)| end);
    let ends_at_word = words[room..].starts_with(' ');
    // A single long word, as in scripts without spaces, is cut where it is.
    let end = if ends_at_word { room } else { words[..room].rfind(' ').unwrap_or(room) };
    format!("{}…", &words[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: &str) {
        assert_eq!(title_of(message), expected);
    }

    #[test]
    fn titles_come_from_the_first_line() {
        check("Plan my week", "Plan my week");
        check("\n\n  Plan \t my week  \nPlease.", "Plan my week");
        check("", "New conversation");
        check(
            "Please look at everything I have to do this week and find a good order for it",
            "Please look at everything I have to do this week and find a…",
        );
        check(&"字".repeat(80), &format!("{}…", "字".repeat(59)));
    }

    #[test]
    fn client_names_are_scoped() {
        let (alice, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(id_of_client_name(alice, "chat-1"), id_of_client_name(alice, "chat-1"));
        assert_ne!(id_of_client_name(alice, "chat-1"), id_of_client_name(bob, "chat-1"));
        let id = Uuid::from_u128(7);
        assert_eq!(id_of_client_name(alice, &id.to_string()), id);
    }

    #[test]
    fn client_names_are_bounded() {
        for (name, is_taken) in [("", false), ("c", true), (&"c".repeat(200), true), (&"c".repeat(201), false)] {
            assert_eq!(ClientName::try_from(name.to_owned()).is_ok(), is_taken, "{name}");
        }
    }
}
