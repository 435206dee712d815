//! A recurrence rule: the value of `RRULE` (RFC 5545, section 3.3.10), read, bounded and written canonically.

mod format;
mod parse;
mod read;

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use super::numbers::{Numbers, Ordinals};

pub use parse::{COUNT_MAX, INTERVAL_MAX, RULE_BYTES_MAX};
pub(super) use read::read_moment;

/// How often a rule's period comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frequency {
    /// `SECONDLY`.
    Secondly,
    /// `MINUTELY`.
    Minutely,
    /// `HOURLY`.
    Hourly,
    /// `DAILY`.
    Daily,
    /// `WEEKLY`.
    Weekly,
    /// `MONTHLY`.
    Monthly,
    /// `YEARLY`.
    Yearly,
}

/// A point in time as iCalendar writes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// `20261121`: a day, whatever the time zone.
    Date(Date),
    /// `20261121T090000`: a wall clock's time in the series' zone.
    Local(DateTime),
    /// `20261121T090000Z`: an instant.
    Utc(Timestamp),
}

/// What ends a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing does.
    Never,
    /// After so many occurrences, 1 to [`COUNT_MAX`].
    Count(u32),
    /// After this moment, which is still within.
    Until(Moment),
}

/// A rule that holds to RFC 5545: whoever has one need not check it again. It owns no memory beyond itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(super) frequency: Frequency,
    pub(super) interval: u32,
    pub(super) end: End,
    /// 0 for Monday to 6 for Sunday.
    pub(super) week_start: i32,
    pub(super) by_second: Numbers,
    pub(super) by_minute: Numbers,
    pub(super) by_hour: Numbers,
    pub(super) by_day: Weekdays,
    pub(super) by_month_day: Ordinals<1>,
    pub(super) by_year_day: Ordinals<6>,
    pub(super) by_week_number: Ordinals<1>,
    pub(super) by_month: Numbers,
    pub(super) by_position: Ordinals<6>,
}

/// The weekdays of `BYDAY`: every one of a kind, or the nth of the month or year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Weekdays {
    pub(super) every: Numbers,
    pub(super) nth: [Ordinals<1>; 7],
}

impl Weekdays {
    pub(super) fn has_ordinals(&self) -> bool {
        self.nth.iter().any(|ordinals| !ordinals.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.every.is_empty() && !self.has_ordinals()
    }
}

/// Why a rule cannot be taken, and which of its parts is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    part: Cow<'static, str>,
    detail: String,
}

impl RuleError {
    pub(super) fn new(part: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { part: part.into(), detail: detail.into() }
    }

    /// The name of the part, such as `BYMONTH`.
    pub fn part(&self) -> &str {
        &self.part
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.detail)
    }
}

impl std::error::Error for RuleError {}

impl Rule {
    /// The rule that comes once in every period, without end.
    pub fn every(frequency: Frequency) -> Self {
        Self {
            frequency,
            interval: 1,
            end: End::Never,
            week_start: 0,
            by_second: Numbers::default(),
            by_minute: Numbers::default(),
            by_hour: Numbers::default(),
            by_day: Weekdays::default(),
            by_month_day: Ordinals::default(),
            by_year_day: Ordinals::default(),
            by_week_number: Ordinals::default(),
            by_month: Numbers::default(),
            by_position: Ordinals::default(),
        }
    }

    /// A rule that never comes: every February 30th.
    pub(super) fn never() -> Self {
        let mut rule = Self::every(Frequency::Yearly);
        rule.by_month.insert(2);
        rule.by_month_day.insert(30);
        rule
    }

    /// How often its period comes.
    pub fn frequency(&self) -> Frequency {
        self.frequency
    }

    /// Every how many periods it comes, 1 to [`INTERVAL_MAX`].
    pub fn interval(&self) -> u32 {
        self.interval
    }

    /// What ends it.
    pub fn end(&self) -> End {
        self.end
    }

    /// The same rule with another end.
    #[must_use]
    pub fn with_end(self, end: End) -> Self {
        Self { end, ..self }
    }

    /// The same rule so many days later, if moving its start is enough or its weekdays can move along: a rule that
    /// names days of a month or year cannot.
    pub(crate) fn moved(mut self, days: i64) -> Option<Self> {
        let is_weekly = self.frequency == Frequency::Weekly && self.by_month.is_empty();
        if days == 0 || self.by_day.is_empty() && !self.names_dates() {
            return Some(self);
        }
        if !is_weekly {
            return None;
        }
        let mut every = Numbers::default();
        let days = i32::try_from(days.rem_euclid(7)).unwrap_or_default();
        self.by_day.every.iter().for_each(|weekday| every.insert((weekday + days) % 7));
        self.by_day.every = every;
        Some(self)
    }

    fn names_dates(&self) -> bool {
        !self.by_month.is_empty()
            || !self.by_month_day.is_empty()
            || !self.by_year_day.is_empty()
            || !self.by_week_number.is_empty()
    }

    /// Whether it names times of day, so that they do not come from the start.
    pub(crate) fn names_times(&self) -> bool {
        [self.by_hour, self.by_minute, self.by_second].iter().any(|list| !list.is_empty())
    }

    /// The same rule for whole days: RFC 5545 has their times of day ignored.
    #[must_use]
    pub(super) fn without_times(self) -> Self {
        let none = Numbers::default();
        Self { by_hour: none, by_minute: none, by_second: none, ..self }
    }

    /// Whether the numbers before weekdays count within the month rather than within the year.
    pub(super) fn counts_weekdays_by_month(&self) -> bool {
        self.frequency == Frequency::Monthly || !self.by_month.is_empty()
    }
}

#[cfg(test)]
mod tests;
