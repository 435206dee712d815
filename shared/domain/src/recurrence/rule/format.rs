//! Writing a rule in its canonical form: the grammar's order, lists sorted and without doubles, nothing that is the
//! default anyway. What is written reads back equal.

use std::fmt::{self, Display, Formatter};

use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::read::WEEKDAYS;
use super::{End, Frequency, Moment, Rule, Weekdays};

impl Frequency {
    pub(super) const ALL: [Self; 7] =
        [Self::Secondly, Self::Minutely, Self::Hourly, Self::Daily, Self::Weekly, Self::Monthly, Self::Yearly];

    /// As `FREQ` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secondly => "SECONDLY",
            Self::Minutely => "MINUTELY",
            Self::Hourly => "HOURLY",
            Self::Daily => "DAILY",
            Self::Weekly => "WEEKLY",
            Self::Monthly => "MONTHLY",
            Self::Yearly => "YEARLY",
        }
    }
}

fn local(f: &mut Formatter<'_>, time: DateTime) -> fmt::Result {
    let (date, clock) = (time.date(), time.time());
    write!(f, "{:04}{:02}{:02}", date.year(), date.month(), date.day())?;
    write!(f, "T{:02}{:02}{:02}", clock.hour(), clock.minute(), clock.second())
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => write!(f, "{:04}{:02}{:02}", date.year(), date.month(), date.day()),
            Self::Local(time) => local(f, *time),
            Self::Utc(instant) => {
                local(f, Offset::UTC.to_datetime(*instant))?;
                f.write_str("Z")
            }
        }
    }
}

impl Display for Weekdays {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (number, name) in (0..).zip(WEEKDAYS) {
            if self.every.contains(number) {
                write!(f, "{comma}{name}")?;
                comma = ",";
            }
        }
        for (ordinals, name) in self.nth.iter().zip(WEEKDAYS) {
            for ordinal in ordinals.iter() {
                write!(f, "{comma}{ordinal}{name}")?;
                comma = ",";
            }
        }
        Ok(())
    }
}

/// `;NAME=1,2,3`, or nothing for an empty list.
fn list(f: &mut Formatter<'_>, name: &str, numbers: impl Iterator<Item = i32>) -> fmt::Result {
    for (index, number) in numbers.enumerate() {
        match index {
            0 => write!(f, ";{name}={number}")?,
            _ => write!(f, ",{number}")?,
        }
    }
    Ok(())
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "FREQ={}", self.frequency.name())?;
        match &self.end {
            End::Never => {}
            End::Count(count) => write!(f, ";COUNT={count}")?,
            End::Until(moment) => write!(f, ";UNTIL={moment}")?,
        }
        if self.interval > 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        list(f, "BYSECOND", self.by_second.iter())?;
        list(f, "BYMINUTE", self.by_minute.iter())?;
        list(f, "BYHOUR", self.by_hour.iter())?;
        if !self.by_day.is_empty() {
            write!(f, ";BYDAY={}", self.by_day)?;
        }
        list(f, "BYMONTHDAY", self.by_month_day.iter())?;
        list(f, "BYYEARDAY", self.by_year_day.iter())?;
        list(f, "BYWEEKNO", self.by_week_number.iter())?;
        list(f, "BYMONTH", self.by_month.iter())?;
        list(f, "BYSETPOS", self.by_position.iter())?;
        if self.week_start != 0 {
            write!(f, ";WKST={}", WEEKDAYS[self.week_start.unsigned_abs() as usize])?;
        }
        Ok(())
    }
}
