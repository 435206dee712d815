//! Which days of a year, month or week a rule names.

use jiff::civil::DateTime;

use super::YEAR_MAX;
use crate::recurrence::calendar::{Day, Place, days_of_month, days_of_year, week_numbers};
use crate::recurrence::rule::{Frequency, Rule};

/// The rule with what section 3.3.10 has derived from the start: the day of the year, month or week, where no list
/// names days.
pub(super) fn with_defaults(rule: &Rule, start: DateTime) -> Rule {
    let mut rule = rule.clone();
    let date = start.date();
    let names_days = !rule.by_day.is_empty() || !rule.by_month_day.is_empty() || !rule.by_year_day.is_empty();
    match rule.frequency {
        _ if names_days => {}
        Frequency::Yearly if !rule.by_week_number.is_empty() => {
            rule.by_day.every.insert(Day::of(date).weekday());
        }
        Frequency::Yearly => {
            rule.by_month_day.insert(i32::from(date.day()));
            if rule.by_month.is_empty() {
                rule.by_month.insert(i32::from(date.month()));
            }
        }
        Frequency::Monthly => rule.by_month_day.insert(i32::from(date.day())),
        Frequency::Weekly => rule.by_day.every.insert(Day::of(date).weekday()),
        _ => {}
    }
    rule
}

/// Puts a year's days into `days`; false when the year is beyond the calendar.
pub(super) fn of_year(rule: &Rule, year: i32, days: &mut Vec<Day>) -> bool {
    if year > YEAR_MAX {
        return false;
    }
    for month in (1..=12).filter(|month| rule.by_month.allows(*month)) {
        gather(rule, year, month, days);
    }
    true
}

/// The same for a month, counted from January of the year 0.
pub(super) fn of_month(rule: &Rule, month: i32, days: &mut Vec<Day>) -> bool {
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
    if year > YEAR_MAX {
        return false;
    }
    if rule.by_month.allows(month) {
        gather(rule, year, month, days);
    }
    true
}

/// The same for the week that begins on `first`.
pub(super) fn of_week(rule: &Rule, first: Day, days: &mut Vec<Day>) -> bool {
    days.extend((0..7).map(|offset| Day(first.0 + offset)).filter(|day| allows(rule, *day, day.place())));
    first <= Day::new(YEAR_MAX, 12, 31)
}

fn gather(rule: &Rule, year: i32, month: i32, days: &mut Vec<Day>) {
    let before = Day::new(year, month, 1).0 - 1;
    let places = (1..=days_of_month(year, month)).map(|day| Place { year, month, day });
    days.extend(
        places
            .map(|place| (Day(before + place.day), place))
            .filter(|(day, place)| allows(rule, *day, *place))
            .map(|(day, _)| day),
    );
}

/// Whether every list of days lets this one pass.
pub(super) fn allows(rule: &Rule, day: Day, place: Place) -> bool {
    rule.by_month.allows(place.month)
        && (rule.by_month_day.is_empty()
            || rule.by_month_day.contains(place.day, place.day - days_of_month(place.year, place.month) - 1))
        && (rule.by_day.is_empty() || allows_weekday(rule, day, place))
        && (rule.by_year_day.is_empty() || {
            let number = place.day_of_year();
            rule.by_year_day.contains(number, number - days_of_year(place.year) - 1)
        })
        && (rule.by_week_number.is_empty() || {
            let (front, back) = week_numbers(day, rule.week_start);
            rule.by_week_number.contains(front, back)
        })
}

fn allows_weekday(rule: &Rule, day: Day, place: Place) -> bool {
    let weekday = day.weekday();
    if rule.by_day.every.contains(weekday) {
        return true;
    }
    let ordinals = &rule.by_day.nth[weekday.unsigned_abs() as usize];
    if ordinals.is_empty() {
        return false;
    }
    let (number, length) = if rule.counts_weekdays_by_month() {
        (place.day, days_of_month(place.year, place.month))
    } else {
        (place.day_of_year(), days_of_year(place.year))
    };
    ordinals.contains((number - 1) / 7 + 1, -((length - number) / 7 + 1))
}
