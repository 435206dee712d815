//! What a client says about a reflection: a new one, or a change of one.

use base::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{CONTENT_CHARS_MAX, Days, Kind, Period, Reflection};
use crate::field::Metadata;
use crate::period::Day;

/// A text of 1 to [`CONTENT_CHARS_MAX`] characters, not only space, kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(as = ReflectionContent, value_type = String, min_length = 1, max_length = 100_000)]
pub struct Content(String);

impl Content {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Content {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains('\0') {
            Err("text with the character U+0000, which cannot be kept")
        } else if text.trim().is_empty() || text.chars().count() > CONTENT_CHARS_MAX {
            Err("not a text of 1 to 100,000 characters")
        } else {
            Ok(Self(text))
        }
    }
}

/// A reflection to be kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReflection {
    /// Its id, a UUID that the client made up. One is made when it is left out.
    pub id: Option<Uuid>,
    /// What it looks back on.
    pub reflection_type: Kind,
    /// Any day of the period that it looks back on, when `starts_on` and `ends_on` are left out: today, if this is
    /// left out too. A custom reflection has no such period.
    #[schema(inline)]
    pub date: Option<Day>,
    /// The first day of what it looks back on. It comes with `ends_on`, and fits the type: seven days for a weekly
    /// one, from whichever day.
    #[schema(inline)]
    pub starts_on: Option<Day>,
    /// The last day of what it looks back on.
    #[schema(inline)]
    pub ends_on: Option<Day>,
    /// The text, Markdown.
    pub content: Content,
    /// Whatever the client keeps with it.
    #[serde(default)]
    pub metadata: Metadata,
}

impl NewReflection {
    /// The days it names.
    pub fn days(&self) -> Days {
        Days { date: self.date, starts_on: self.starts_on, ends_on: self.ends_on }
    }
}

/// What is to change about a reflection. What is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReflectionChange)]
pub struct Change {
    /// What it looks back on. Without new days they become those of the new type that hold the present first day.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reflection_type: Option<Kind>,
    /// The first day of what it looks back on.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub starts_on: Option<Day>,
    /// The last day of what it looks back on.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ends_on: Option<Day>,
    /// The text, Markdown.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub content: Option<Content>,
    /// Whatever the client keeps with it, as a whole.
    #[serde(default, deserialize_with = "base::extract::present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub metadata: Option<Metadata>,
}

impl Change {
    /// The reflection after the change; 422 for a period that does not fit the kind.
    pub(super) fn apply(self, mut reflection: Reflection) -> Result<Reflection, Error> {
        let kind = self.reflection_type.unwrap_or(reflection.reflection_type);
        let says_days = self.starts_on.or(self.ends_on).is_some();
        let present = Period { starts_on: reflection.starts_on, ends_on: reflection.ends_on };
        let period = if says_days {
            let starts_on = self.starts_on.unwrap_or(present.starts_on);
            Period::checked(kind, starts_on, self.ends_on.unwrap_or(present.ends_on), "/")?
        } else if kind == reflection.reflection_type {
            present
        } else {
            Period::of(kind, present.starts_on).unwrap_or(present)
        };
        (reflection.reflection_type, reflection.starts_on, reflection.ends_on) =
            (kind, period.starts_on, period.ends_on);
        if let Some(content) = self.content {
            reflection.content = content.0;
        }
        reflection.metadata = self.metadata.map_or(reflection.metadata, Metadata::into_value);
        Ok(reflection)
    }
}
