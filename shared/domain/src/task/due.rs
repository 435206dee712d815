//! The time of day at which a task is due, by the user's own clock.

use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A time of day in whole seconds, written `09:30` or `09:30:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
pub struct DueTime(Time);

impl DueTime {
    /// The time.
    pub fn time(self) -> Time {
        self.0
    }

    /// Reads a time that the database keeps.
    pub(super) fn from_row(time: Time) -> Self {
        Self(time)
    }
}

impl TryFrom<Time> for DueTime {
    type Error = &'static str;

    fn try_from(time: Time) -> Result<Self, Self::Error> {
        if time.subsec_nanosecond() == 0 { Ok(Self(time)) } else { Err("not a time of whole seconds") }
    }
}

impl TryFrom<String> for DueTime {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // The parser takes days before the time, fractions behind it, and the leap second 60 as 59.
        let whole = if text.len() == "09:30".len() { format!("{text}:00") } else { text };
        let time = whole.parse().ok().filter(|time: &Time| time.to_string() == whole);
        time.ok_or("not a time like 09:30 or 09:30:00")?.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_time(text: &str, expected: Option<&str>) {
        let time = DueTime::try_from(text.to_owned());
        assert_eq!(time.map(|time| time.time().to_string()).ok().as_deref(), expected, "{text}");
    }

    #[test]
    fn times_are_whole_seconds() {
        check_time("09:30", Some("09:30:00"));
        check_time("23:59:59", Some("23:59:59"));
        for text in ["24:00", "9:30", "09:30:00.5", "09:30:60", "09:30Z", "T09:30", "0930", "2026-11-21T09:30:00", ""] {
            check_time(text, None);
        }
    }
}
