//! What a field has to be beyond what the database makes sure of: the types that the API takes it as.

use std::collections::BTreeMap;

use base::extract::parse_json;
use base::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::consent::{Purpose, Version};
use crate::field::{Metadata, Prose, Tags};

/// Reads a field as what the API takes it as.
type Check = fn(&[u8]) -> Result<()>;

/// A kind, a field of it, and what that must be.
const CHECKS: [(&str, &str, Check); 9] = [
    ("consent", "purpose", read::<Purpose>),
    ("consent", "version", read::<Version>),
    ("conversation", "metadata", read::<Metadata>),
    ("goal", "metadata", read::<Metadata>),
    ("note", "metadata", read::<Metadata>),
    ("reflection", "metadata", read::<Metadata>),
    ("task", "description", read::<Option<Prose>>),
    ("task", "metadata", read::<Metadata>),
    ("task", "tags", read::<Tags>),
];

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<()> {
    parse_json::<T>(json).map(drop)
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
