//! How far a task is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a task is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TaskStatus)]
pub enum Status {
    /// Not begun.
    #[default]
    Pending,
    /// Begun.
    InProgress,
    /// Done.
    Done,
    /// Not to be done after all.
    Cancelled,
    /// Out of sight; lists leave it out unless it is asked for.
    Archived,
}

impl Status {
    /// The database's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Archived => "archived",
        }
    }

    /// Reads the database's word; a constraint keeps it to the known ones.
    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "in_progress" => Self::InProgress,
            "done" => Self::Done,
            "cancelled" => Self::Cancelled,
            "archived" => Self::Archived,
            _ => Self::Pending,
        }
    }

    /// Whether it is still to be done.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress)
    }
}
