//! Fields that several nouns have.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 500;
/// The longest text that describes something, in characters.
pub const PROSE_CHARS_MAX: usize = 20_000;
/// The largest metadata, in bytes of JSON.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;
/// The most tags on one thing.
pub const TAGS_MAX: usize = 50;
/// The longest tag, in characters.
pub const TAG_CHARS_MAX: usize = 50;

/// A title: 1 to [`TITLE_CHARS_MAX`] characters on one line, without space around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 500)]
pub struct Title(String);

impl Title {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A title from any text: its words on one line, cut at the greatest length. None when there are no words.
    pub fn of_text(text: &str) -> Option<Self> {
        let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let line: String = words.collect::<Vec<_>>().join(" ").chars().take(TITLE_CHARS_MAX).collect();
        (!line.is_empty()).then(|| Self(line.trim_end().to_owned()))
    }
}

impl TryFrom<String> for Title {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        let is_title = (1..=TITLE_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if is_title { Ok(Self(text.to_owned())) } else { Err("not 1 to 500 characters on one line") }
    }
}

/// A text that describes something: up to [`PROSE_CHARS_MAX`] characters, kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, max_length = 20_000)]
pub struct Prose(String);

impl Prose {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Prose {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains('\0') {
            Err("text with the character U+0000, which cannot be kept")
        } else if text.chars().count() > PROSE_CHARS_MAX {
            Err("longer than 20,000 characters")
        } else {
            Ok(Self(text))
        }
    }
}

/// Whatever a client keeps with a thing: a JSON object of up to [`METADATA_BYTES_MAX`] bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Map<String, Value>")]
#[schema(value_type = Object)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// The object.
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// A copy of the object.
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

impl TryFrom<Map<String, Value>> for Metadata {
    type Error = &'static str;

    fn try_from(members: Map<String, Value>) -> Result<Self, Self::Error> {
        let value = Value::Object(members);
        if value.to_string().len() > METADATA_BYTES_MAX {
            return Err("larger than 16 KiB of JSON");
        }
        if base::extract::refuse_nul("", &value).is_err() {
            return Err("text with the character U+0000, which cannot be kept");
        }
        match value {
            Value::Object(members) => Ok(Self(members)),
            _ => Err("not an object"),
        }
    }
}

/// How much something matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// When there is time.
    Low,
    /// As most things.
    #[default]
    Medium,
    /// Before most things.
    High,
    /// Before everything else.
    Urgent,
}

impl Priority {
    /// The database's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// Reads the database's word; a constraint keeps it to the known ones.
    pub fn from_name(name: &str) -> Self {
        match name {
            "low" => Self::Low,
            "high" => Self::High,
            "urgent" => Self::Urgent,
            _ => Self::Medium,
        }
    }
}

/// Words to find things by: up to [`TAGS_MAX`] of 1 to [`TAG_CHARS_MAX`] characters, each once, in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Vec<String>")]
#[schema(value_type = Vec<String>, max_items = 50)]
pub struct Tags(Vec<String>);

impl Tags {
    /// The tags, for SQL.
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }

    /// A copy of the tags, for SQL.
    pub fn to_vec(&self) -> Vec<String> {
        self.0.clone()
    }
}

impl TryFrom<Vec<String>> for Tags {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, Self::Error> {
        let mut seen = HashSet::new();
        let mut tags = Vec::new();
        for word in words {
            let word = word.trim().to_owned();
            let is_tag = (1..=TAG_CHARS_MAX).contains(&word.chars().count()) && !word.chars().any(char::is_control);
            if !is_tag {
                return Err("a tag that is not 1 to 50 characters on one line");
            }
            if seen.insert(word.clone()) {
                tags.push(word);
            }
        }
        if tags.len() > TAGS_MAX { Err("more than 50 tags") } else { Ok(Self(tags)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check<T: serde::de::DeserializeOwned>(value: &Value, is_taken: bool) {
        assert_eq!(T::deserialize(value).is_ok(), is_taken, "{value}");
    }

    #[test]
    fn bounds_hold() {
        check::<Title>(&json!(" Plan "), true);
        check::<Title>(&json!("  "), false);
        check::<Title>(&json!("two\nlines"), false);
        check::<Title>(&json!("字".repeat(TITLE_CHARS_MAX)), true);
        check::<Title>(&json!("字".repeat(TITLE_CHARS_MAX + 1)), false);
        check::<Prose>(&json!("two\nlines"), true);
        check::<Prose>(&json!("nul \u{0}"), false);
        check::<Prose>(&json!("x".repeat(PROSE_CHARS_MAX + 1)), false);
        check::<Metadata>(&json!({"any": ["thing"]}), true);
        check::<Metadata>(&json!({"key\u{0}": 1}), false);
        check::<Metadata>(&json!({"key": "x".repeat(METADATA_BYTES_MAX)}), false);
        check::<Metadata>(&json!([]), false);
        check::<Tags>(&json!(["home", "home", " work "]), true);
        check::<Tags>(&json!([""]), false);
        check::<Tags>(&json!((0..=TAGS_MAX).map(|n| n.to_string()).collect::<Vec<_>>()), false);
    }

    #[test]
    fn titles_of_text_are_titles() {
        assert_eq!(Title::of_text(" Buy\n milk\u{0} ").as_ref().map(Title::as_str), Some("Buy milk"));
        assert_eq!(Title::of_text(" \n "), None);
        let long = Title::of_text(&"ab ".repeat(400)).expect("there are words");
        check::<Title>(&json!(long.as_str()), true);
    }
}
