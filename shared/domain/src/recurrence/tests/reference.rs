//! Every series of `tests/recurrence/series.jsonl`: what `generate.py` there had python-dateutil, or the RFC, say.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::Deserialize;

use crate::recurrence::{Instance, Moment, Series};

const REFERENCE: &str = include_str!("../../../../../tests/recurrence/series.jsonl");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    source: String,
    series: String,
    /// The first occurrences: local times with the offset at which they are read.
    #[serde(default)]
    first: String,
    /// Whether those are all.
    #[serde(default)]
    ends: bool,
    /// The first occurrences from this instant on.
    from: Option<String>,
    #[serde(default)]
    later: String,
    /// Where python-dateutil differs from the RFC, and so was asked in another way: see `oracle.py`.
    #[serde(default)]
    adjusted: Vec<String>,
    /// The part for which the RFC forbids the rule, which python-dateutil takes.
    refused: Option<String>,
}

fn instances(text: &str) -> Vec<Instance> {
    let instance = |text: &str| {
        let (local, offset) = text.split_at(15);
        let local: DateTime = local.parse().expect("a local time");
        let minutes: i32 = offset[1..].parse().expect("four digits");
        let minutes = (minutes / 100 * 60 + minutes % 100) * if offset.starts_with('-') { -1 } else { 1 };
        let at = Offset::from_seconds(minutes * 60).and_then(|offset| offset.to_timestamp(local));
        Instance { local, at: at.expect("within range") }
    };
    text.split_whitespace().map(instance).collect()
}

fn check(entry: &Entry) -> Result<(), String> {
    let series: Series = match (entry.series.parse::<Series>(), &entry.refused) {
        (Err(error), Some(part)) if error.part() == part => return Ok(()),
        (Ok(series), None) => series,
        (result, _) => return Err(format!("{result:?}")),
    };
    let expected = instances(&entry.first);
    let most = expected.len() + usize::from(entry.ends);
    let found: Vec<_> = series.instances().take(most).collect();
    if found != expected {
        return Err(format!("expected {expected:?}\n   found {found:?}"));
    }
    if let Some(from) = &entry.from {
        let from: Timestamp = match crate::recurrence::rule::read_moment("UNTIL", from) {
            Ok(Moment::Utc(from)) => from,
            other => return Err(format!("{other:?}")),
        };
        let expected = instances(&entry.later);
        let found: Vec<_> = series.instances_from(from).take(expected.len().max(1)).collect();
        if found != expected {
            return Err(format!("from {from} expected {expected:?}\n   found {found:?}"));
        }
    }
    let again: Series = series.to_string().parse().map_err(|error| format!("{error}: {series}"))?;
    if again == series { Ok(()) } else { Err(format!("written as {series}")) }
}

#[test]
fn agrees_with_the_reference() {
    let entries = REFERENCE.lines().map(|line| serde_json::from_str(line).expect("an entry"));
    let entries: Vec<Entry> = entries.collect();
    let failures = entries.iter().filter_map(|entry| check(entry).err().map(|error| (entry, error)));
    let failures: Vec<_> = failures
        .map(|(entry, error)| format!("{} {:?}\n{}\n{error}\n", entry.source, entry.adjusted, entry.series))
        .collect();
    let first = failures.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} of {} differ\n{first}", failures.len(), entries.len());
    let count = |source: &str| entries.iter().filter(|entry| entry.source == source).count();
    assert!(count("RFC 5545") >= 40 && count("dateutil's tests") >= 200 && count("random") >= 1_500);
}
