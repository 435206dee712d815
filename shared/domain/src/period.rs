//! Calendar periods: the year, quarter, month, week or day that holds a date.

use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The first and the last year of a [`Day`].
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2999;

/// A date of a calendar, such as `2026-11-21`, in the years 1900 to 2999. It is nobody's time: which day it is depends on
/// the time zone of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = Date)]
pub struct Day(Date);

impl Day {
    /// The date.
    pub fn date(self) -> Date {
        self.0
    }

    /// A date out of the database, whose constraints keep it within the years.
    pub(crate) fn kept(date: Date) -> Self {
        Self(date)
    }

    /// The date, or the first or last possible one when it is outside of the years.
    pub fn nearest(date: Date) -> Self {
        let (first, last) = (Date::constant(*YEARS.start(), 1, 1), Date::constant(*YEARS.end(), 12, 31));
        Self(date.clamp(first, last))
    }
}

impl TryFrom<String> for Day {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // The parser also takes times and signed years, which are longer.
        let date =
            Some(text).filter(|text| text.len() == "2026-11-21".len()).and_then(|text| text.parse::<Date>().ok());
        let date = date.filter(|date| YEARS.contains(&date.year()));
        date.map(Self).ok_or("not a date like 2026-11-21 in the years 1900 to 2999")
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How much time something spans, from the longest to the shortest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Timeframe {
    /// From 1 January.
    Year,
    /// Three months from January, April, July or October.
    Quarter,
    /// From the first of a month.
    Month,
    /// Seven days from a Monday, as ISO 8601 has it.
    Week,
    /// One day.
    Day,
}

impl Timeframe {
    /// The database's word, which `date_trunc` understands as well.
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Quarter => "quarter",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
        }
    }

    /// Reads the database's word; a constraint keeps it to the known ones.
    pub fn from_name(name: &str) -> Self {
        match name {
            "year" => Self::Year,
            "quarter" => Self::Quarter,
            "month" => Self::Month,
            "week" => Self::Week,
            _ => Self::Day,
        }
    }

    /// The first day of the period that holds `day`.
    pub fn first_day(self, day: Day) -> Day {
        let date = day.0;
        Day(match self {
            Self::Year => date.first_of_year(),
            Self::Quarter => Date::constant(date.year(), date.month() - (date.month() - 1) % 3, 1),
            Self::Month => date.first_of_month(),
            Self::Week => date.saturating_sub(i64::from(date.weekday().since(Weekday::Monday)).days()),
            Self::Day => date,
        })
    }

    /// The last day of the period that holds `day`.
    pub fn last_day(self, day: Day) -> Day {
        Day(self.first_day(day).0.saturating_add(self.length()).saturating_sub(1.day()))
    }

    fn length(self) -> Span {
        match self {
            Self::Year => 1.year(),
            Self::Quarter => 3.months(),
            Self::Month => 1.month(),
            Self::Week => 1.week(),
            Self::Day => 1.day(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::try_from(text.to_owned()).expect(text)
    }

    fn check(timeframe: Timeframe, within: &str, first: &str, last: &str) {
        let within = day(within);
        assert_eq!(timeframe.first_day(within), day(first), "{timeframe:?} of {within}");
        assert_eq!(timeframe.last_day(within), day(last), "{timeframe:?} of {within}");
    }

    #[test]
    fn periods_hold_their_days() {
        check(Timeframe::Year, "2026-11-21", "2026-01-01", "2026-12-31");
        check(Timeframe::Quarter, "2026-11-21", "2026-10-01", "2026-12-31");
        check(Timeframe::Quarter, "2026-03-31", "2026-01-01", "2026-03-31");
        check(Timeframe::Month, "2028-02-10", "2028-02-01", "2028-02-29");
        check(Timeframe::Month, "2026-12-31", "2026-12-01", "2026-12-31");
        check(Timeframe::Week, "2026-11-21", "2026-11-16", "2026-11-22");
        check(Timeframe::Week, "2026-11-22", "2026-11-16", "2026-11-22");
        check(Timeframe::Week, "2026-11-16", "2026-11-16", "2026-11-22");
        check(Timeframe::Week, "2027-01-01", "2026-12-28", "2027-01-03");
        check(Timeframe::Day, "2026-11-21", "2026-11-21", "2026-11-21");
    }

    #[test]
    fn a_day_is_a_plain_date() {
        for text in
            ["1899-12-31", "3000-01-01", "2026-02-29", "2026-11-21T09:00:00", "20261121", "2026-11-2", "today", ""]
        {
            assert!(Day::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert_eq!(day("2999-12-31").to_string(), "2999-12-31");
    }
}
