//! A series as the content lines of iCalendar: `DTSTART`, `RRULE`, `RDATE`, `EXDATE` (RFC 5545, section 3.1).

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;

use super::rule::{Moment, Rule, RuleError, read_moment};
use super::series::Series;
use super::zone::Zone;

/// The longest text of a series, in bytes: room for a thousand dates added and as many taken out.
pub const LINES_BYTES_MAX: usize = 65_536;

/// What the lines said so far.
#[derive(Default)]
struct Draft {
    start: Option<(Moment, Option<Zone>)>,
    rule: Option<Rule>,
    added: Vec<(Moment, Option<Zone>)>,
    removed: Vec<(Moment, Option<Zone>)>,
}

impl FromStr for Series {
    type Err = RuleError;

    /// Reads the lines in any order; `DTSTART` must be among them. Lines may be folded.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        if text.len() > LINES_BYTES_MAX {
            return Err(RuleError::new("DTSTART", format!("a series has at most {LINES_BYTES_MAX} bytes.")));
        }
        let unfolded = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
        let mut draft = Draft::default();
        for line in unfolded.lines().filter(|line| !line.is_empty()) {
            take(&mut draft, line)?;
        }
        let (start, zone) = draft.start.ok_or_else(|| RuleError::new("DTSTART", "is missing."))?;
        let (start, zone, is_all_day) = match (start, zone) {
            (Moment::Date(date), zone) => (date.to_datetime(DateTime::ZERO.time()), zone, true),
            (Moment::Local(local), zone) => (local, zone, false),
            (Moment::Utc(instant), None) => {
                let zone: Zone = "UTC".parse()?;
                (zone.local(instant), Some(zone), false)
            }
            (Moment::Utc(instant), Some(zone)) => (zone.local(instant), Some(zone), false),
        };
        let series = Self::new(start, zone.unwrap_or_else(Zone::floating), is_all_day, draft.rule)?;
        let (added, removed) = (series.moments(draft.added), series.moments(draft.removed));
        series.with_dates(&added, &removed)
    }
}

fn take(draft: &mut Draft, line: &str) -> Result<(), RuleError> {
    let Some((property, value)) = line.split_once(':') else {
        return Err(RuleError::new("DTSTART", "a line is not of the form NAME:VALUE."));
    };
    let mut parameters = property.split(';');
    let name = parameters.next().unwrap_or_default().to_ascii_uppercase();
    let zone = parameters
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("TZID"))
        .map(|(_, zone)| zone.trim_matches('"').parse::<Zone>())
        .transpose()?;
    match name.as_str() {
        "DTSTART" if draft.start.is_some() => Err(RuleError::new("DTSTART", "is given twice.")),
        "DTSTART" => {
            draft.start = Some((read_moment("DTSTART", value)?, zone));
            Ok(())
        }
        "RRULE" if draft.rule.is_some() => Err(RuleError::new("RRULE", "is given twice.")),
        "RRULE" => {
            draft.rule = Some(value.parse()?);
            Ok(())
        }
        "RDATE" => take_dates(&mut draft.added, "RDATE", value, zone.as_ref()),
        "EXDATE" => take_dates(&mut draft.removed, "EXDATE", value, zone.as_ref()),
        _ => Err(RuleError::new("DTSTART", "only DTSTART, RRULE, RDATE and EXDATE make a series.")),
    }
}

fn take_dates(
    dates: &mut Vec<(Moment, Option<Zone>)>,
    part: &'static str,
    value: &str,
    zone: Option<&Zone>,
) -> Result<(), RuleError> {
    for item in value.split(',') {
        dates.push((read_moment(part, item)?, zone.cloned()));
    }
    Ok(())
}

impl Series {
    /// Local times of another zone as instants. Those of the series' own stay as they are, as clocks may skip them.
    fn moments(&self, dates: Vec<(Moment, Option<Zone>)>) -> Vec<Moment> {
        let moment = |(moment, zone): (Moment, Option<Zone>)| match (moment, zone) {
            (Moment::Local(local), Some(zone)) if zone != *self.zone() => Moment::Utc(zone.instant(local)),
            _ => moment,
        };
        dates.into_iter().map(moment).collect()
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, times: &[DateTime]| {
            let zone = self.zone().name().filter(|_| !self.is_all_day());
            let parameters = match zone {
                _ if self.is_all_day() => ";VALUE=DATE".to_owned(),
                Some(zone) => format!(";TZID={zone}"),
                None => String::new(),
            };
            for (index, time) in times.iter().enumerate() {
                match index {
                    0 => write!(f, "{name}{parameters}:")?,
                    _ => f.write_str(",")?,
                }
                let moment = if self.is_all_day() { Moment::Date(time.date()) } else { Moment::Local(*time) };
                write!(f, "{moment}")?;
            }
            if times.is_empty() { Ok(()) } else { f.write_str("\n") }
        };
        line(f, "DTSTART", &[self.start()])?;
        if let Some(rule) = self.rule() {
            writeln!(f, "RRULE:{rule}")?;
        }
        line(f, "RDATE", self.added())?;
        line(f, "EXDATE", self.removed())
    }
}
