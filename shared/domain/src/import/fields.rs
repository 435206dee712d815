//! What a field has to be beyond what the database makes sure of: the types that the API takes it as.

use std::collections::BTreeMap;

use base::extract::parse_json;
use base::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::consent::{Purpose, Version};
use crate::field::{Metadata, Prose, Tags};
use crate::note::Content;
use crate::recurrence::{LocalTime, Rule, Zone};

/// Reads a field as what the API takes it as.
type Check = fn(&[u8]) -> Result<()>;

/// A kind, a field of it, and what that must be.
const CHECKS: [(&str, &str, Check); 14] = [
    ("consent", "purpose", read::<Purpose>),
    ("consent", "version", read::<Version>),
    ("conversation", "metadata", read::<Metadata>),
    ("goal", "metadata", read::<Metadata>),
    ("note", "content", read_content),
    ("note", "metadata", read::<Metadata>),
    ("recurrence", "exdates", read::<Vec<LocalTime>>),
    ("recurrence", "rdates", read::<Vec<LocalTime>>),
    ("recurrence", "rule", read::<Rule>),
    ("recurrence", "time_zone", read::<Zone>),
    ("reflection", "metadata", read::<Metadata>),
    ("task", "description", read::<Option<Prose>>),
    ("task", "metadata", read::<Metadata>),
    ("task", "tags", read::<Tags>),
];

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<()> {
    parse_json::<T>(json).map(drop)
}

/// Blocks that have their ids, as each of them refers to its task by it.
fn read_content(json: &[u8]) -> Result<()> {
    let blocks: Value = parse_json(json)?;
    let mut count = 0;
    let content = Content::parse("", blocks.clone(), || {
        count += 1;
        Uuid::from_u128(count)
    })?;
    if content.into_value() == blocks { Ok(()) } else { Err(Error::invalid("", "Every block needs an id.")) }
}

/// Checks the fields of a row of this kind, which is at `at`.
pub(super) fn check(kind: &str, at: &str, members: &BTreeMap<String, &RawValue>) -> Result<()> {
    for (_, name, read) in CHECKS.iter().filter(|(of, _, _)| *of == kind) {
        let Some(value) = members.get(*name) else { continue };
        read(value.get().as_bytes()).map_err(|error| {
            let problem = error.problem();
            let (place, detail) = problem.errors.first().map_or(("", problem.detail.as_str()), |field| {
                (field.pointer.trim_end_matches('/'), field.detail.as_str())
            });
            Error::invalid(format!("{at}/{name}{place}"), detail)
        })?;
    }
    Ok(())
}
