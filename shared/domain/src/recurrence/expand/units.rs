//! Periods of a fixed length: days, hours, minutes, seconds.

use jiff::civil::DateTime;

use super::{YEAR_MAX, days};
use crate::recurrence::calendar::Day;
use crate::recurrence::rule::{Frequency, Rule};

const SECONDS_PER_DAY: i64 = 86_400;

/// Every `interval`th unit from the start's on. Units are counted from 1970 on the wall clock.
#[derive(Debug)]
pub(super) struct Units {
    length_seconds: i64,
    interval: i64,
    first: i64,
    next: i64,
    /// The last second that is looked at, counted like the units.
    last_second: i64,
}

/// What looking at one unit found.
pub(super) enum Step {
    /// A unit that the lists let pass: its day and where in the day it begins, in seconds.
    Unit(Day, u32),
    /// A unit that they do not; the next one to look at is after what ruled it out.
    Nothing,
    /// The calendar's end.
    End,
}

/// A local time in seconds since 1970.
fn seconds_of(time: DateTime) -> i64 {
    let clock = time.time();
    let seconds = i64::from(clock.hour()) * 3_600 + i64::from(clock.minute()) * 60 + i64::from(clock.second());
    i64::from(Day::of(time.date()).0) * SECONDS_PER_DAY + seconds
}

impl Units {
    /// The units of `rule` from `start` to `until`.
    pub(super) fn new(rule: &Rule, start: DateTime, until: Option<DateTime>) -> Self {
        let length_seconds = match rule.frequency {
            Frequency::Secondly => 1,
            Frequency::Minutely => 60,
            Frequency::Hourly => 3_600,
            _ => SECONDS_PER_DAY,
        };
        let first = seconds_of(start).div_euclid(length_seconds);
        let end_of_time = i64::from(Day::new(YEAR_MAX + 1, 1, 1).0) * SECONDS_PER_DAY - 1;
        let last_second = until.map_or(end_of_time, |until| seconds_of(until).min(end_of_time));
        Self { length_seconds, interval: i64::from(rule.interval), first, next: first, last_second }
    }

    /// Goes to the first unit that ends after `target`.
    pub(super) fn jump_to(&mut self, target: DateTime) {
        let unit = seconds_of(target).div_euclid(self.length_seconds);
        self.skip_to(unit * self.length_seconds);
    }

    /// Goes to the first unit that begins at `seconds` or later.
    fn skip_to(&mut self, seconds: i64) {
        let stride = self.length_seconds * self.interval;
        let distance = (seconds - self.first * self.length_seconds).max(0);
        let strides = (distance + stride - 1) / stride;
        self.next = self.first + strides * self.interval;
    }

    /// Looks at the next unit.
    pub(super) fn next(&mut self, rule: &Rule) -> Step {
        let seconds = self.next * self.length_seconds;
        if seconds > self.last_second {
            return Step::End;
        }
        let Ok(day) = i32::try_from(seconds.div_euclid(SECONDS_PER_DAY)).map(Day) else { return Step::End };
        let within = seconds.rem_euclid(SECONDS_PER_DAY);
        match self.refused_seconds(rule, day, within) {
            None => {
                self.next += self.interval;
                Step::Unit(day, u32::try_from(within).unwrap_or_default())
            }
            Some(rest) => {
                self.skip_to(seconds + rest);
                Step::Nothing
            }
        }
    }

    /// When a list rules the unit out: how long until what it ruled out is over, so that a whole day, hour or
    /// minute is passed at once.
    fn refused_seconds(&self, rule: &Rule, day: Day, within: i64) -> Option<i64> {
        let is_refused = |list: super::Numbers, number: i64| !list.allows(i32::try_from(number).unwrap_or_default());
        if !days::allows(rule, day, day.place()) {
            Some(SECONDS_PER_DAY - within)
        } else if self.length_seconds <= 3_600 && is_refused(rule.by_hour, within / 3_600) {
            Some(3_600 - within % 3_600)
        } else if self.length_seconds <= 60 && is_refused(rule.by_minute, within / 60 % 60) {
            Some(60 - within % 60)
        } else if self.length_seconds == 1 && is_refused(rule.by_second, within % 60) {
            Some(1)
        } else {
            None
        }
    }
}
