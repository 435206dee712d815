//! Expanding a rule on the wall clock: the local times it names, one after the other, whatever the time zone.
//!
//! Time zones come in afterwards (see [`super::zone`]). That is what RFC 5545 says: a local time is computed first
//! and then "interpreted in the same manner as an explicit DATE-TIME value".

mod days;
mod units;

use jiff::civil::{DateTime, Time};

use super::calendar::Day;
use super::numbers::Numbers;
use super::rule::{End, Frequency, Rule};
use units::Units;

/// The last year that is looked at: the last one all of whose days are instants to jiff, too.
const YEAR_MAX: i32 = 9_998;

/// The local times of a rule in ascending order, without doubles. Nothing is computed before it is asked for.
#[derive(Debug)]
pub(super) struct Expansion {
    /// The rule, with what the start adds to it.
    rule: Rule,
    start: DateTime,
    /// The last local time that is within.
    until: Option<DateTime>,
    /// How many more there may be.
    left: u32,
    source: Source,
    /// The times within one day or unit, in seconds from its beginning, ascending.
    offsets: Vec<u32>,
    /// The days of the present period, ascending.
    days: Vec<Day>,
    /// Where in the day the unit begins, in seconds.
    base: u32,
    /// Which of the period's times `BYSETPOS` chose, when it chooses.
    picks: Vec<usize>,
    position: usize,
    length: usize,
    /// Found while seeking.
    ahead: Option<DateTime>,
}

/// Where periods come from: the calendar's own, of differing length, counted from the start's, or a fixed length.
#[derive(Debug)]
enum Source {
    Years(i64),
    Months(i64),
    Weeks(i64),
    Units(Units),
}

impl Expansion {
    /// The times of `rule` from `start` on. `until` is the rule's end as a local time, when it has such an end.
    pub(super) fn new(rule: &Rule, start: DateTime, until: Option<DateTime>) -> Self {
        let rule = days::with_defaults(rule, start);
        let mut offsets = offsets(&rule, start);
        let source = match rule.frequency {
            Frequency::Yearly => Source::Years(0),
            Frequency::Monthly => Source::Months(0),
            Frequency::Weekly => Source::Weeks(0),
            _ => Source::Units(Units::new(&rule, start, until)),
        };
        if matches!(source, Source::Units(_)) && !rule.by_position.is_empty() {
            // Every unit holds the same times, so the choice is the same in each.
            let mut picks = Vec::new();
            pick(&rule, offsets.len(), &mut picks);
            offsets = picks.into_iter().map(|index| offsets[index]).collect();
        }
        let left = if let End::Count(count) = rule.end { count } else { u32::MAX };
        Self {
            rule,
            start,
            until,
            left,
            source,
            offsets,
            days: Vec::new(),
            base: 0,
            picks: Vec::new(),
            position: 0,
            length: 0,
            ahead: None,
        }
    }

    /// Leaves out what is before `target`. A rule without `COUNT` goes there at once; with one, the periods between
    /// are counted.
    pub(super) fn seek(&mut self, target: DateTime) {
        if target <= self.start {
            return;
        }
        if matches!(self.rule.end, End::Count(_)) {
            self.count_up_to(target);
        } else {
            self.jump_to(target);
        }
        while let Some(time) = self.next() {
            if time >= target {
                self.ahead = Some(time);
                break;
            }
        }
    }

    fn jump_to(&mut self, target: DateTime) {
        let interval = i64::from(self.rule.interval);
        let (from, to) = (self.start.date(), target.date());
        let years = i64::from(to.year()) - i64::from(from.year());
        (self.position, self.length) = (0, 0);
        match &mut self.source {
            Source::Years(index) => *index = years / interval,
            Source::Months(index) => {
                *index = (years * 12 + i64::from(to.month()) - i64::from(from.month())) / interval;
            }
            Source::Weeks(index) => {
                let week_of = |date| Day::of(date).week_start(self.rule.week_start).0;
                *index = i64::from(week_of(to) - week_of(from)) / 7 / interval;
            }
            Source::Units(units) => units.jump_to(target),
        }
    }

    /// Counts whole periods that end before `target`.
    fn count_up_to(&mut self, target: DateTime) {
        while self.left > 0 && self.fill() {
            let last = self.at(self.length - 1);
            if last.is_none_or(|last| last >= target) {
                return;
            }
            let early = (0..self.length).take_while(|index| self.at(*index) < Some(self.start)).count();
            let within = u32::try_from(self.length - early).unwrap_or(u32::MAX);
            self.left = self.left.saturating_sub(within);
            self.position = self.length;
        }
    }

    /// Takes the next period that holds anything; false when there is none.
    fn fill(&mut self) -> bool {
        for _ in 0..empty_periods_max(self.rule.frequency) {
            self.days.clear();
            if !self.gather() {
                return false;
            }
            self.position = 0;
            self.length = self.days.len() * self.offsets.len();
            if !self.rule.by_position.is_empty() && !matches!(self.source, Source::Units(_)) {
                pick(&self.rule, self.length, &mut self.picks);
                self.length = self.picks.len();
            }
            if self.length > 0 {
                return true;
            }
        }
        false
    }

    /// Puts the next period's days into `days`; false at the end of the calendar.
    fn gather(&mut self) -> bool {
        let interval = i64::from(self.rule.interval);
        let start = Day::of(self.start.date()).place();
        match &mut self.source {
            Source::Years(index) => {
                let year = i64::from(start.year) + *index * interval;
                *index += 1;
                i32::try_from(year).is_ok_and(|year| days::of_year(&self.rule, year, &mut self.days))
            }
            Source::Months(index) => {
                let month = i64::from(start.year) * 12 + i64::from(start.month) - 1 + *index * interval;
                *index += 1;
                i32::try_from(month).is_ok_and(|month| days::of_month(&self.rule, month, &mut self.days))
            }
            Source::Weeks(index) => {
                let first = Day::of(self.start.date()).week_start(self.rule.week_start);
                let first = i64::from(first.0) + *index * interval * 7;
                *index += 1;
                i32::try_from(first).is_ok_and(|first| days::of_week(&self.rule, Day(first), &mut self.days))
            }
            Source::Units(units) => match units.next(&self.rule) {
                units::Step::Unit(day, base) => {
                    self.days.push(day);
                    self.base = base;
                    true
                }
                units::Step::Nothing => true,
                units::Step::End => false,
            },
        }
    }

    /// The period's time at this place, unless it is after the last year.
    fn at(&self, index: usize) -> Option<DateTime> {
        let has_picks = !self.rule.by_position.is_empty() && !matches!(self.source, Source::Units(_));
        let index = if has_picks { self.picks[index] } else { index };
        let day = self.days[index / self.offsets.len()];
        let seconds = self.base + self.offsets[index % self.offsets.len()];
        let part = |number: u32| i8::try_from(number).ok();
        let time = Time::new(part(seconds / 3_600)?, part(seconds / 60 % 60)?, part(seconds % 60)?, 0).ok()?;
        Some(DateTime::from_parts(day.date()?, time))
    }
}

impl Iterator for Expansion {
    type Item = DateTime;

    fn next(&mut self) -> Option<DateTime> {
        if let Some(time) = self.ahead.take() {
            return Some(time);
        }
        while self.left > 0 && (self.position < self.length || self.fill()) {
            let time = self.at(self.position)?;
            self.position += 1;
            if time < self.start {
                continue;
            }
            if self.until.is_some_and(|until| time > until) {
                self.left = 0;
                break;
            }
            if matches!(self.rule.end, End::Count(_)) {
                self.left -= 1;
            }
            return Some(time);
        }
        None
    }
}

/// How many periods in a row may hold nothing before a rule has ended: the calendar repeats after 400 years, so what
/// did not match in as many periods as those have never will. For periods shorter than a day it is as many steps, each
/// over all that a list rules out at once, and so more than anything needs that is of use.
fn empty_periods_max(frequency: Frequency) -> u32 {
    match frequency {
        Frequency::Yearly => 401,
        Frequency::Monthly => 4_801,
        Frequency::Weekly => 20_872,
        _ => 146_098,
    }
}

/// The times within a day, or within the smaller unit that the rule repeats by, in seconds.
fn offsets(rule: &Rule, start: DateTime) -> Vec<u32> {
    let given = |list: Numbers, of_start: i8, is_finer: bool| match is_finer {
        // The unit itself begins here; its number is filtered, not expanded.
        false => Numbers::with(0),
        true if list.is_empty() => Numbers::with(i32::from(of_start)),
        true => list,
    };
    let hours = given(rule.by_hour, start.hour(), rule.frequency >= Frequency::Daily);
    let minutes = given(rule.by_minute, start.minute(), rule.frequency >= Frequency::Hourly);
    let seconds = given(rule.by_second, start.second(), rule.frequency >= Frequency::Minutely);
    let mut offsets = Vec::new();
    for hour in hours.iter() {
        for minute in minutes.iter() {
            offsets.extend(seconds.iter().map(|second| (hour * 3_600 + minute * 60 + second).unsigned_abs()));
        }
    }
    offsets
}

/// What `BYSETPOS` chooses from `length` times, ascending and without doubles.
fn pick(rule: &Rule, length: usize, picks: &mut Vec<usize>) {
    picks.clear();
    for position in rule.by_position.iter() {
        let distance = position.unsigned_abs() as usize;
        if distance <= length {
            picks.push(if position > 0 { distance - 1 } else { length - distance });
        }
    }
    picks.sort_unstable();
    picks.dedup();
}
