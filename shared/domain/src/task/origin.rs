//! Where a task comes from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest reference to what a task was made from, in characters.
pub const SOURCE_REFERENCE_CHARS_MAX: usize = 500;

/// Who or what made a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TaskSource)]
pub enum Source {
    /// The user.
    #[default]
    User,
    /// A check box in a note.
    Note,
    /// A conversation.
    Chat,
    /// An event of a calendar.
    Calendar,
    /// Another program's data.
    Import,
    /// An assistant on its own.
    Ai,
}

impl Source {
    /// The database's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Note => "note",
            Self::Chat => "chat",
            Self::Calendar => "calendar",
            Self::Import => "import",
            Self::Ai => "ai",
        }
    }

    /// Reads the database's word; a constraint keeps it to the known ones.
    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "note" => Self::Note,
            "chat" => Self::Chat,
            "calendar" => Self::Calendar,
            "import" => Self::Import,
            "ai" => Self::Ai,
            _ => Self::User,
        }
    }
}

/// What a task was made from, in the words of its source: 1 to [`SOURCE_REFERENCE_CHARS_MAX`] characters on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 500)]
pub struct SourceReference(String);

impl SourceReference {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names a block of a note: `<note id>#<block id>`.
    pub fn of_note_block(note: Uuid, block: &str) -> Result<Self, &'static str> {
        format!("{note}#{block}").try_into()
    }
}

impl TryFrom<String> for SourceReference {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_reference =
            (1..=SOURCE_REFERENCE_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if is_reference { Ok(Self(text)) } else { Err("not 1 to 500 characters on one line") }
    }
}
