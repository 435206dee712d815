//! How rules, zones and local times travel in JSON: as text.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Rule, Zone};

/// The first and the last year of a local time.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2999;

/// A day, `2026-11-21`, or a time on the wall clock in whole seconds, `2026-11-21T09:00:00`, in the years 1900 to 2999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalTime(Date, Option<Time>);

impl LocalTime {
    /// A whole day.
    pub fn of_day(date: Date) -> Self {
        Self(date, None)
    }

    /// A time, or only its day.
    pub fn of(local: DateTime, is_all_day: bool) -> Self {
        Self(local.date(), (!is_all_day).then(|| local.time()))
    }

    /// The day.
    pub fn date(self) -> Date {
        self.0
    }

    /// The time of day, unless it is a whole day.
    pub fn time(self) -> Option<Time> {
        self.1
    }

    /// The time; of a whole day its midnight.
    pub fn start(self) -> DateTime {
        self.0.to_datetime(self.1.unwrap_or(Time::midnight()))
    }
}

impl FromStr for LocalTime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = "not a day like 2026-11-21 or a local time like 2026-11-21T09:00, in the years 1900 to 2999";
        // The parser would take a shift from UTC, and drop it.
        let has_no_shift = [13, 16].iter().all(|place| text.as_bytes().get(*place).is_none_or(|byte| *byte == b':'));
        let local = match text.len() {
            10 => text.parse::<Date>().map(Self::of_day),
            16 | 19 if has_no_shift => text.parse::<DateTime>().map(|local| Self::of(local, false)),
            _ => return Err(refused),
        };
        local.ok().filter(|local| YEARS.contains(&local.0.year())).ok_or(refused)
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(time) => write!(f, "{}", self.0.to_datetime(time)),
            None => write!(f, "{}", self.0),
        }
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                // The envelope ends the sentence.
                text.parse()
                    .map_err(|error: <$type as FromStr>::Err| D::Error::custom(error.to_string().trim_end_matches('.')))
            }
        }
    };
}

as_text!(Rule);
as_text!(Zone);
as_text!(LocalTime);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, written: Option<&str>) {
        let local = text.parse::<LocalTime>().ok();
        assert_eq!(local.map(|local| local.to_string()).as_deref(), written, "{text}");
    }

    #[test]
    fn local_times_are_days_or_whole_seconds() {
        check("2026-11-21", Some("2026-11-21"));
        check("2026-11-21T09:00", Some("2026-11-21T09:00:00"));
        check("2026-11-21T09:00:59", Some("2026-11-21T09:00:59"));
        check("2026-11-21T09:00Z", None);
        check("2026-11-21T09:00:00Z", None);
        check("2026-11-21T09:00:00.5", None);
        check("2026-11-21T09+01:00", None);
        check("2026-11-21T09:00-01", None);
        check("2026-11-21T09-01", None);
        check("2026-02-30", None);
        check("1899-12-31", None);
        check("3000-01-01", None);
        check("", None);
    }
}
