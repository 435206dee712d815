//! A series: a start, a rule, dates added and taken out, in a time zone.

use std::collections::VecDeque;
use std::iter::Peekable;

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, ToSpan};

use super::expand::Expansion;
use super::rule::{End, Frequency, Moment, Rule, RuleError};
use super::zone::{CLOCK_CHANGE_MAX, Resolver, Zone};

/// The most dates that `RDATE` may add, and the most that `EXDATE` may take out.
pub const DATES_MAX: usize = 1_000;

/// What recurs: RFC 5545's recurrence set. The start is an occurrence only if the rule names it; a series without a
/// rule has the start and the added dates.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    start: DateTime,
    zone: Zone,
    is_all_day: bool,
    rule: Option<Rule>,
    /// Ascending, without doubles.
    added: Vec<DateTime>,
    removed: Vec<DateTime>,
}

/// One occurrence of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance {
    /// The local time that the series gives it. It names the occurrence (`RECURRENCE-ID`), wherever it is moved to,
    /// and also where clocks skip this time.
    pub local: DateTime,
    /// When that is.
    pub at: Timestamp,
}

impl Series {
    /// A series from `start` on. One of whole days begins at midnight, and its rule repeats by days at least.
    pub fn new(start: DateTime, zone: Zone, is_all_day: bool, rule: Option<Rule>) -> Result<Self, RuleError> {
        let is_finer = rule.as_ref().is_some_and(|rule| rule.frequency() < Frequency::Daily);
        if is_all_day && is_finer {
            return Err(RuleError::new("FREQ", "whole days repeat DAILY, WEEKLY, MONTHLY or YEARLY."));
        }
        let start = start.with().subsec_nanosecond(0).build().unwrap_or(start);
        let start = if is_all_day { start.date().to_datetime(Time::midnight()) } else { start };
        let rule = if is_all_day { rule.map(Rule::without_times) } else { rule };
        Ok(Self { start, zone, is_all_day, rule, added: Vec::new(), removed: Vec::new() })
    }

    /// A series without occurrences.
    pub(super) fn never() -> Self {
        let (start, rule) = (DateTime::constant(1970, 1, 1, 0, 0, 0, 0), Some(Rule::never()));
        Self { start, zone: Zone::floating(), is_all_day: false, rule, added: Vec::new(), removed: Vec::new() }
    }

    /// The same rule counted anew from a day, at the same time of day, without an end but `UNTIL`. Dates that were
    /// added are left out.
    #[must_use]
    pub fn restarted_on(&self, date: Date) -> Self {
        let counts_down = |rule: &Rule| matches!(rule.end(), End::Count(_));
        let endless = |rule: Rule| if counts_down(&rule) { rule.with_end(End::Never) } else { rule };
        Self {
            start: date.to_datetime(self.start.time()),
            rule: self.rule.clone().map(endless),
            added: Vec::new(),
            ..self.clone()
        }
    }

    /// The same without dates added or taken out: what the rule alone gives.
    #[must_use]
    pub fn of_rule_alone(&self) -> Self {
        Self { added: Vec::new(), removed: Vec::new(), ..self.clone() }
    }

    /// With dates added (`RDATE`) and taken out (`EXDATE`), at most [`DATES_MAX`] of each.
    pub fn with_dates(mut self, added: &[Moment], removed: &[Moment]) -> Result<Self, RuleError> {
        self.added = self.local_times("RDATE", added)?;
        self.removed = self.local_times("EXDATE", removed)?;
        Ok(self)
    }

    fn local_times(&self, part: &'static str, moments: &[Moment]) -> Result<Vec<DateTime>, RuleError> {
        if moments.len() > DATES_MAX {
            return Err(RuleError::new(part, format!("more than {DATES_MAX} dates.")));
        }
        let mut times: Vec<_> = moments.iter().map(|moment| self.local_time(*moment)).collect();
        times.sort_unstable();
        times.dedup();
        Ok(times)
    }

    /// A moment on this series' wall clock. A date means the start's time on that day.
    pub fn local_time(&self, moment: Moment) -> DateTime {
        let local = match moment {
            Moment::Date(date) => date.to_datetime(self.start.time()),
            Moment::Local(local) => local,
            Moment::Utc(instant) => self.zone.local(instant),
        };
        if self.is_all_day { local.date().to_datetime(Time::midnight()) } else { local }
    }

    /// Where it begins.
    pub fn start(&self) -> DateTime {
        self.start
    }

    /// Its time zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whether it is of whole days.
    pub fn is_all_day(&self) -> bool {
        self.is_all_day
    }

    /// Its rule.
    pub fn rule(&self) -> Option<&Rule> {
        self.rule.as_ref()
    }

    /// The dates added, ascending.
    pub fn added(&self) -> &[DateTime] {
        &self.added
    }

    /// The dates taken out, ascending.
    pub fn removed(&self) -> &[DateTime] {
        &self.removed
    }

    /// All occurrences, earliest first, no two at one instant. Each is computed when it is asked for. A series
    /// without end goes on to the end of the year 9998.
    pub fn instances(&self) -> Instances<'_> {
        Instances::new(self, None)
    }

    /// The occurrences at `from` or later. What is before is passed without being computed, unless it must be
    /// counted.
    pub fn instances_from(&self, from: Timestamp) -> impl Iterator<Item = Instance> {
        let target = self.zone.local(from).saturating_sub(CLOCK_CHANGE_MAX);
        Instances::new(self, Some(target)).skip_while(move |instance| instance.at < from)
    }

    /// The occurrences at `from` or later and before `to`.
    pub fn instances_between(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Instance> {
        self.instances_from(from).take_while(move |instance| instance.at < to)
    }

    /// The last instant, and the last local time, at which `UNTIL` lets something be.
    fn bounds(&self) -> (Option<Timestamp>, Option<DateTime>) {
        let Some(End::Until(until)) = self.rule.as_ref().map(Rule::end) else { return (None, None) };
        match until {
            Moment::Date(date) => (None, Some(date.to_datetime(Time::MAX))),
            Moment::Local(local) if self.is_all_day => (None, Some(local.date().to_datetime(Time::MAX))),
            Moment::Local(local) => (None, Some(local)),
            Moment::Utc(instant) if self.is_all_day => {
                (None, Some(self.zone.local(instant).date().to_datetime(Time::MAX)))
            }
            // Where clocks are put back, a later time on the wall may be the earlier instant.
            Moment::Utc(instant) => (Some(instant), Some(self.zone.local(instant).saturating_add(1.day()))),
        }
    }
}

/// The occurrences of a series, one after the other.
#[derive(Debug)]
pub struct Instances<'s> {
    series: &'s Series,
    resolver: Resolver<'s>,
    rule: Peekable<Expansion>,
    /// How far the added dates have been taken.
    added: &'s [DateTime],
    until: Option<Timestamp>,
    /// The start's instant, when clocks skip its local time: they show some later times of the rule before it.
    skipped_start: Option<Timestamp>,
    /// A local time taken from the two above and not yet used.
    ahead: Option<DateTime>,
    /// Occurrences whose local time is skipped by clocks, with the time those show instead. They wait until it is
    /// their turn among the later local times.
    held: VecDeque<(Instance, DateTime)>,
    last: Option<Timestamp>,
}

impl<'s> Instances<'s> {
    fn new(series: &'s Series, from: Option<DateTime>) -> Self {
        let (until, until_local) = series.bounds();
        let mut rule = match &series.rule {
            Some(rule) => Expansion::new(rule, series.start, until_local),
            None => Expansion::new(&Rule::every(Frequency::Daily).with_end(End::Count(1)), series.start, None),
        };
        let mut added = series.added.as_slice();
        if let Some(from) = from {
            rule.seek(from);
            added = &added[added.partition_point(|time| *time < from)..];
        }
        let start = series.zone.instant(series.start);
        Self {
            series,
            resolver: Resolver::new(&series.zone),
            rule: rule.peekable(),
            added,
            until,
            skipped_start: (series.zone.local(start) != series.start).then_some(start),
            ahead: None,
            held: VecDeque::new(),
            last: None,
        }
    }

    /// The next local time of the rule or the added dates that is not taken out.
    fn next_local(&mut self) -> Option<DateTime> {
        loop {
            let of_rule = self.rule.peek().copied();
            let of_added = self.added.first().copied();
            let time = match (of_rule, of_added) {
                (Some(of_rule), Some(of_added)) => of_rule.min(of_added),
                (of_rule, of_added) => of_rule.or(of_added)?,
            };
            if of_rule == Some(time) {
                self.rule.next();
            }
            if of_added == Some(time) {
                self.added = &self.added[1..];
            }
            let instant = || self.series.zone.instant(time);
            let is_beyond = self.until.is_some_and(|until| instant() > until)
                || self.skipped_start.is_some_and(|start| instant() < start);
            if (!is_beyond || of_added == Some(time)) && self.series.removed.binary_search(&time).is_err() {
                return Some(time);
            }
        }
    }

    /// The next occurrence in the order of instants. Two may be at one: a time that clocks skip, and the one they
    /// show instead.
    fn next_in_order(&mut self) -> Option<Instance> {
        loop {
            if self.ahead.is_none() {
                self.ahead = self.next_local();
            }
            if let Some((instance, shown)) = self.held.front().copied()
                && self.ahead.is_none_or(|ahead| ahead >= shown)
            {
                self.held.pop_front();
                return Some(instance);
            }
            let local = self.ahead.take()?;
            let (at, shown) = self.resolver.resolve(local);
            let instance = Instance { local, at };
            match shown {
                Some(shown) => self.held.push_back((instance, shown)),
                None => return Some(instance),
            }
        }
    }
}

impl Iterator for Instances<'_> {
    type Item = Instance;

    fn next(&mut self) -> Option<Instance> {
        loop {
            let instance = self.next_in_order()?;
            if self.last != Some(instance.at) {
                self.last = Some(instance.at);
                return Some(instance);
            }
        }
    }
}
