//! Reading a rule, part by part, and refusing what RFC 5545 forbids.

use std::str::FromStr;

use super::read::{echo, read_moment, signed, unsigned, weekday};
use super::{End, Frequency, Rule, RuleError};

/// The longest rule's text, in bytes: room for all 366 days of `BYYEARDAY` and more.
pub const RULE_BYTES_MAX: usize = 4_096;
/// The most occurrences that `COUNT` may ask for.
pub const COUNT_MAX: u32 = 100_000;
/// The most periods that `INTERVAL` may leave between two.
pub const INTERVAL_MAX: u32 = 10_000_000;

/// The parts of a rule, in the order of the RFC's grammar.
const PARTS: [&str; 14] = [
    "FREQ",
    "UNTIL",
    "COUNT",
    "INTERVAL",
    "BYSECOND",
    "BYMINUTE",
    "BYHOUR",
    "BYDAY",
    "BYMONTHDAY",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYMONTH",
    "BYSETPOS",
    "WKST",
];

impl FromStr for Rule {
    type Err = RuleError;

    /// Reads `FREQ=…;…`, with or without `RRULE:` before it. Names may be in any case.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        if text.len() > RULE_BYTES_MAX {
            return Err(RuleError::new("RRULE", format!("a rule has at most {RULE_BYTES_MAX} bytes.")));
        }
        let text = text.trim();
        let value = match text.split_at_checked(6) {
            Some((name, value)) if name.eq_ignore_ascii_case("RRULE:") => value,
            _ => text,
        };
        let mut rule = Rule::every(Frequency::Daily);
        let mut seen = [false; PARTS.len()];
        for part in value.split(';') {
            let Some((name, value)) = part.split_once('=') else {
                return Err(RuleError::new("RRULE", format!("{} is not of the form NAME=VALUE.", echo(part))));
            };
            let Some(index) = PARTS.iter().position(|known| known.eq_ignore_ascii_case(name)) else {
                return Err(RuleError::new("RRULE", format!("{} is not a part of a rule.", echo(name))));
            };
            if std::mem::replace(&mut seen[index], true) {
                return Err(RuleError::new(PARTS[index], "is given twice."));
            }
            take(&mut rule, PARTS[index], value)?;
        }
        if !seen[0] {
            return Err(RuleError::new("FREQ", "is missing."));
        }
        if seen[1] && seen[2] {
            return Err(RuleError::new("COUNT", "cannot be together with UNTIL."));
        }
        check(&rule)?;
        Ok(rule)
    }
}

/// Takes one part's value into the rule.
fn take(rule: &mut Rule, part: &'static str, value: &str) -> Result<(), RuleError> {
    match part {
        "FREQ" => rule.frequency = frequency(value)?,
        "UNTIL" => rule.end = End::Until(read_moment(part, value)?),
        "COUNT" => rule.end = End::Count(bounded(part, value, COUNT_MAX)?),
        "INTERVAL" => rule.interval = bounded(part, value, INTERVAL_MAX)?,
        // The leap second is taken as the second before it, as section 3.3.12 has it.
        "BYSECOND" => each(part, value, (0, 60), |second| rule.by_second.insert(second.min(59)))?,
        "BYMINUTE" => each(part, value, (0, 59), |minute| rule.by_minute.insert(minute))?,
        "BYHOUR" => each(part, value, (0, 23), |hour| rule.by_hour.insert(hour))?,
        "BYMONTH" => each(part, value, (1, 12), |month| rule.by_month.insert(month))?,
        "BYMONTHDAY" => each(part, value, (-31, 31), |day| rule.by_month_day.insert(day))?,
        "BYYEARDAY" => each(part, value, (-366, 366), |day| rule.by_year_day.insert(day))?,
        "BYWEEKNO" => each(part, value, (-53, 53), |week| rule.by_week_number.insert(week))?,
        "BYSETPOS" => each(part, value, (-366, 366), |position| rule.by_position.insert(position))?,
        "BYDAY" => value.split(',').try_for_each(|item| take_weekday(rule, item))?,
        _ => rule.week_start = weekday(value).ok_or_else(|| no_weekday(part, value))?,
    }
    Ok(())
}

fn frequency(value: &str) -> Result<Frequency, RuleError> {
    let found = Frequency::ALL.into_iter().find(|frequency| frequency.name().eq_ignore_ascii_case(value));
    found.ok_or_else(|| {
        let names = Frequency::ALL.map(Frequency::name).join(", ");
        RuleError::new("FREQ", format!("{} is not one of {names}.", echo(value)))
    })
}

/// A whole number from 1 to `most`.
fn bounded(part: &'static str, value: &str, most: u32) -> Result<u32, RuleError> {
    unsigned(value)
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| RuleError::new(part, format!("{} is not a whole number from 1 to {most}.", echo(value))))
}

/// Hands each number of a list to `insert`. Where the range has negative numbers, zero is none of them.
fn each(
    part: &'static str,
    value: &str,
    (least, most): (i32, i32),
    mut insert: impl FnMut(i32),
) -> Result<(), RuleError> {
    for item in value.split(',') {
        let number = if least < 0 { signed(item) } else { unsigned(item).and_then(|number| number.try_into().ok()) };
        match number {
            Some(number) if (least..=most).contains(&number) && (number != 0 || least == 0) => insert(number),
            _ => {
                let range =
                    if least < 0 { format!("1 to {most} or -1 to {least}") } else { format!("{least} to {most}") };
                return Err(RuleError::new(part, format!("{} is not a number from {range}.", echo(item))));
            }
        }
    }
    Ok(())
}

/// Takes `MO`, `2MO` or `-1MO`.
fn take_weekday(rule: &mut Rule, item: &str) -> Result<(), RuleError> {
    let split = item.len().saturating_sub(2);
    let (ordinal, name) = item.split_at_checked(split).ok_or_else(|| no_weekday("BYDAY", item))?;
    let day = weekday(name).ok_or_else(|| no_weekday("BYDAY", item))?;
    if ordinal.is_empty() {
        rule.by_day.every.insert(day);
        return Ok(());
    }
    let ordinal = signed(ordinal).filter(|ordinal| *ordinal != 0 && ordinal.abs() <= 53);
    let ordinal = ordinal.ok_or_else(|| {
        RuleError::new("BYDAY", format!("the number in {} is not from 1 to 53 or -1 to -53.", echo(item)))
    })?;
    rule.by_day.nth[day.unsigned_abs() as usize].insert(ordinal);
    Ok(())
}

fn no_weekday(part: &'static str, value: &str) -> RuleError {
    RuleError::new(part, format!("{} is not a weekday like MO, TU, WE, TH, FR, SA or SU.", echo(value)))
}

/// The parts that RFC 5545 forbids to be together.
fn check(rule: &Rule) -> Result<(), RuleError> {
    let refuse = |part: &'static str, detail: &str| Err(RuleError::new(part, detail));
    let frequency = rule.frequency;
    if rule.by_day.has_ordinals() {
        if !matches!(frequency, Frequency::Monthly | Frequency::Yearly) {
            return refuse("BYDAY", "a weekday has a number only with FREQ=MONTHLY or FREQ=YEARLY.");
        }
        if !rule.by_week_number.is_empty() {
            return refuse("BYDAY", "a weekday has no number together with BYWEEKNO.");
        }
    }
    if !rule.by_month_day.is_empty() && frequency == Frequency::Weekly {
        return refuse("BYMONTHDAY", "cannot be with FREQ=WEEKLY.");
    }
    let is_middling = matches!(frequency, Frequency::Daily | Frequency::Weekly | Frequency::Monthly);
    if !rule.by_year_day.is_empty() && is_middling {
        return refuse("BYYEARDAY", "cannot be with FREQ=DAILY, WEEKLY or MONTHLY.");
    }
    if !rule.by_week_number.is_empty() && frequency != Frequency::Yearly {
        return refuse("BYWEEKNO", "is only for FREQ=YEARLY.");
    }
    let times = [rule.by_second, rule.by_minute, rule.by_hour, rule.by_month];
    let has_list = times.iter().any(|list| !list.is_empty())
        || !rule.by_day.is_empty()
        || !rule.by_month_day.is_empty()
        || !rule.by_year_day.is_empty()
        || !rule.by_week_number.is_empty();
    if !rule.by_position.is_empty() && !has_list {
        return refuse("BYSETPOS", "needs another BY part, such as BYDAY, to choose from.");
    }
    Ok(())
}
