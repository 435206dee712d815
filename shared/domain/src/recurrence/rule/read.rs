//! Reading the small values of iCalendar: numbers, weekdays, dates and times.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::{Moment, RuleError};

/// The names of the weekdays, Monday first.
pub(super) const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
/// The longest wrong value that is repeated in an error, in bytes. What is longer may be anything, a secret too.
const ECHO_BYTES_MAX: usize = 12;

/// A value as it is named in an error.
pub(super) fn echo(value: &str) -> String {
    let is_short = value.len() <= ECHO_BYTES_MAX && value.bytes().all(|byte| byte.is_ascii_graphic());
    if is_short { format!("{value:?}") } else { "the value".to_owned() }
}

/// A number without a sign, of at most nine digits.
pub(super) fn unsigned(text: &str) -> Option<u32> {
    let is_number = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// A number of at most nine digits with or without a sign.
pub(super) fn signed(text: &str) -> Option<i32> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    unsigned(digits).and_then(|number| i32::try_from(number).ok()).map(|number| sign * number)
}

/// 0 for `MO` to 6 for `SU`.
pub(super) fn weekday(text: &str) -> Option<i32> {
    WEEKDAYS.iter().zip(0..).find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, number)| number)
}

/// A date (`20261121`), local time (`20261121T090000`) or instant (`20261121T090000Z`). `part` is whose value it is.
pub(in super::super) fn read_moment(part: &'static str, text: &str) -> Result<Moment, RuleError> {
    moment(text).ok_or_else(|| {
        let detail = format!(
            "{} is neither a date like 20261121 nor a time like 20261121T090000 or 20261121T090000Z.",
            echo(text)
        );
        RuleError::new(part, detail)
    })
}

fn moment(text: &str) -> Option<Moment> {
    if !text.is_ascii() {
        return None;
    }
    if text.len() == 8 {
        return date(text).map(Moment::Date);
    }
    let (date_text, time_text) = text.split_at_checked(8)?;
    let local = |digits: &str| Some(DateTime::from_parts(date(date_text)?, time(digits)?));
    match (time_text.as_bytes().first()?, &time_text[1..]) {
        (b'T' | b't', rest) if rest.len() == 6 => local(rest).map(Moment::Local),
        (b'T' | b't', rest) if rest.len() == 7 && rest.ends_with(['Z', 'z']) => {
            let instant = TimeZone::UTC.to_timestamp(local(&rest[..6])?).ok()?;
            Some(Moment::Utc(instant))
        }
        _ => None,
    }
}

fn date(digits: &str) -> Option<Date> {
    let number = unsigned(digits)?;
    let year = i16::try_from(number / 10_000).ok()?;
    Date::new(year, i8::try_from(number / 100 % 100).ok()?, i8::try_from(number % 100).ok()?).ok()
}

/// A time of day. The leap second 60 is taken as 59, as section 3.3.12 has it.
fn time(digits: &str) -> Option<Time> {
    let number = unsigned(digits)?;
    let second = if number % 100 == 60 { 59 } else { number % 100 };
    let (hour, minute) = (number / 10_000, number / 100 % 100);
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()
}
