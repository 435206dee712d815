//! From a wall clock's time to the instant, in a named time zone.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::rule::RuleError;

/// No zone ever moved its clocks by more: a day, across the date line.
pub(super) const CLOCK_CHANGE_MAX: SignedDuration = SignedDuration::from_hours(25);
/// The longest name of a zone, in bytes. The longest in use has 32.
pub const ZONE_BYTES_MAX: usize = 64;

/// The time zone of a series: named as by IANA, or floating, where instants are read as if in UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// Absent when floating.
    name: Option<Box<str>>,
    time_zone: TimeZone,
}

impl FromStr for Zone {
    type Err = RuleError;

    /// Finds `Europe/Berlin` and the like, in any case.
    fn from_str(name: &str) -> Result<Self, RuleError> {
        let found = if name.len() <= ZONE_BYTES_MAX { TimeZone::get(name).ok() } else { None };
        let known = found.and_then(|zone| zone.iana_name().map(Box::from).map(|name| (name, zone)));
        let (name, time_zone) = known
            .ok_or_else(|| RuleError::new("TZID", "not a time zone of the IANA database, such as Europe/Berlin."))?;
        Ok(Self { name: Some(name), time_zone })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("floating"))
    }
}

impl Zone {
    /// The zone of times that mean the same wall clock everywhere.
    pub fn floating() -> Self {
        Self { name: None, time_zone: TimeZone::UTC }
    }

    /// Its name, unless it is floating.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What its clocks show at an instant.
    pub fn local(&self, instant: Timestamp) -> DateTime {
        self.time_zone.to_datetime(instant)
    }

    /// The instant at which its clocks show `local`. A time that they skip is read with the offset before the gap,
    /// so that 02:30 becomes 03:30; of a time that they show twice the first is taken (RFC 5545, section 3.3.5).
    /// Times beyond what an instant can hold become the last or first one.
    pub fn instant(&self, local: DateTime) -> Timestamp {
        let bound = if local.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
        self.time_zone.to_ambiguous_timestamp(local).compatible().unwrap_or(bound)
    }
}

/// Finds the instants of many local times near each other. It remembers the span between two clock changes, so that
/// most need no look-up.
#[derive(Debug)]
pub(super) struct Resolver<'z> {
    zone: &'z Zone,
    /// The local times, well within a span, that are this offset from UTC.
    from: DateTime,
    to: DateTime,
    offset: Offset,
}

impl<'z> Resolver<'z> {
    pub(super) fn new(zone: &'z Zone) -> Self {
        Self { zone, from: DateTime::MAX, to: DateTime::MIN, offset: Offset::UTC }
    }

    /// The instant, and what the clocks really show then when it is not `local`.
    pub(super) fn resolve(&mut self, local: DateTime) -> (Timestamp, Option<DateTime>) {
        if self.from <= local
            && local < self.to
            && let Ok(instant) = self.offset.to_timestamp(local)
        {
            return (instant, None);
        }
        let instant = self.zone.instant(local);
        let shown = self.zone.local(instant);
        if shown != local {
            return (instant, Some(shown));
        }
        self.remember(instant);
        (instant, None)
    }

    fn remember(&mut self, instant: Timestamp) {
        let zone = &self.zone.time_zone;
        self.offset = zone.to_offset(instant);
        let before = zone.preceding(instant).next().map(|change| self.offset.to_datetime(change.timestamp()));
        let after = zone.following(instant).next().map(|change| self.offset.to_datetime(change.timestamp()));
        self.from = before.map_or(DateTime::MIN, |before| before.saturating_add(CLOCK_CHANGE_MAX));
        self.to = after.map_or(DateTime::MAX, |after| after.saturating_sub(CLOCK_CHANGE_MAX));
    }
}
