//! Free time: where a user's next gap within working hours is.

use base::db::Tx;
use base::{Result, params};
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};
use uuid::Uuid;

use crate::recurrence::Zone;
use crate::user;

/// How long something takes whose estimate nobody gave, in minutes.
pub(super) const MINUTES_DEFAULT: i32 = 30;
/// How many days are searched for free time.
const DAYS_MAX: i32 = 28;
/// The longest that something lasts which may still be in the way: the longest estimate, and a day for time zones.
const LASTS_MAX: SignedDuration = SignedDuration::from_hours(8 * 24);
/// How far things in the way are looked at: what is searched, and days for time zones.
const AHEAD: SignedDuration = SignedDuration::from_hours(31 * 24);
/// The most busy times that are looked at, of tasks and of occurrences each.
const BUSY_MAX: i64 = 5_000;
/// Free time begins on such minutes.
const GRID: SignedDuration = SignedDuration::from_mins(5);

/// The hours of a day in which work is put: `working_hours` of the preferences, else 9 to 17.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hours {
    start: Time,
    end: Time,
}

impl Default for Hours {
    fn default() -> Self {
        Self { start: Time::constant(9, 0, 0, 0), end: Time::constant(17, 0, 0, 0) }
    }
}

impl Hours {
    fn of(start: Option<&str>, end: Option<&str>) -> Self {
        let time = |text: Option<&str>| text.and_then(|text| text.parse::<Time>().ok());
        match (time(start), time(end)) {
            (Some(start), Some(end)) if start < end => Self { start, end },
            _ => Self::default(),
        }
    }
}

/// What is in the way, in the order of its beginning.
#[derive(Debug, Clone, Default)]
pub(super) struct Busy(Vec<(Timestamp, Timestamp)>);

impl Busy {
    fn add(&mut self, start: Timestamp, minutes: i32) -> Timestamp {
        let end = start.saturating_add(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(start);
        let place = self.0.partition_point(|(other, _)| *other <= start);
        self.0.insert(place, (start, end));
        end
    }

    /// Takes the first free time of so many minutes at `from` or later, or none in [`DAYS_MAX`] days.
    pub(super) fn take(&mut self, zone: &Zone, hours: Hours, from: Timestamp, minutes: i32) -> Option<Timestamp> {
        let first = zone.local(from).date();
        let start = (0..DAYS_MAX).find_map(|day| {
            let date = first.checked_add(day.days()).ok()?;
            self.free_on(date, zone, hours, from, minutes)
        })?;
        self.add(start, minutes);
        Some(start)
    }

    fn free_on(&self, date: Date, zone: &Zone, hours: Hours, from: Timestamp, minutes: i32) -> Option<Timestamp> {
        let length = SignedDuration::from_mins(i64::from(minutes));
        let (open, close) = (zone.instant(date.to_datetime(hours.start)), zone.instant(date.to_datetime(hours.end)));
        let mut start = on_grid(open.max(from));
        for (busy, free_again) in &self.0 {
            if start.saturating_add(length).is_ok_and(|end| *busy >= end) {
                break;
            }
            if *free_again > start {
                start = on_grid(*free_again);
            }
        }
        start.saturating_add(length).is_ok_and(|end| end <= close).then_some(start)
    }
}

/// The next time that the grid has.
fn on_grid(time: Timestamp) -> Timestamp {
    let seconds = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
    let grid = GRID.as_secs();
    Timestamp::from_second((seconds + grid - 1).div_euclid(grid) * grid).unwrap_or(time)
}

/// A user's working hours, and what is in the way from `from` on: timed tasks and occurrences that are open, but for
/// those of `moving`. Tasks that recur are there as their occurrences only.
pub(super) async fn find_busy(tx: &mut Tx, owner: Uuid, from: Timestamp, moving: &[Uuid]) -> Result<(Hours, Busy)> {
    let sql =
        "select preferences -> 'working_hours' ->> 'start' as start, preferences -> 'working_hours' ->> 'end' as end_
               from users where id = $1";
    let hours = tx.query_opt(sql, params![owner]).await?;
    let hours = hours.map_or_else(Hours::default, |row| Hours::of(row.get("start"), row.get("end_")));
    let zone = user::find_time_zone(tx, owner).await?;
    let mut busy = Busy::default();
    let first = zone.to_datetime(from.saturating_sub(LASTS_MAX).unwrap_or(from)).date();
    let last = zone.to_datetime(from.saturating_add(AHEAD).unwrap_or(from)).date();
    let sql = "select t.due_date, t.due_time, coalesce(t.estimate_minutes, $3) as minutes from tasks t
               where t.user_id = $1 and t.status in ('pending', 'in_progress') and t.due_time is not null
                 and t.due_date between $2 and $5
                 and not exists (select from recurrences r where r.user_id = $1 and r.task_id = t.id)
               order by t.due_order, t.id limit $4";
    let rows = tx.query(sql, params![owner, first, MINUTES_DEFAULT, BUSY_MAX, last]).await?;
    for row in rows {
        let due = DateTime::from_parts(row.get("due_date"), row.get("due_time"));
        if let Ok(start) = zone.to_ambiguous_timestamp(due).compatible() {
            busy.add(start, row.get("minutes"));
        }
    }
    let sql = "select o.starts_at, coalesce(o.estimate_minutes, t.estimate_minutes, $3) as minutes
               from occurrences o join tasks t on t.user_id = $1 and t.id = o.task_id
               where o.user_id = $1 and o.status in ('pending', 'in_progress') and o.due_time is not null
                 and o.due_date between $2 and $6 and not (o.id = any($4))
               order by o.due_date, o.starts_at, o.id limit $5";
    let moving = moving.to_vec();
    let rows = tx.query(sql, params![owner, first, MINUTES_DEFAULT, moving, BUSY_MAX, last]).await?;
    for row in rows {
        busy.add(row.get("starts_at"), row.get("minutes"));
    }
    Ok((hours, busy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn check(busy: &[(&str, i32)], from: &str, minutes: i32, expected: Option<&str>) {
        let zone: Zone = "Europe/Berlin".parse().expect("a zone");
        let mut calendar = Busy::default();
        for (start, minutes) in busy {
            calendar.add(at(start), *minutes);
        }
        let found = calendar.take(&zone, Hours::default(), at(from), minutes);
        assert_eq!(found, expected.map(at), "{busy:?} {from} {minutes}");
    }

    #[test]
    fn the_first_gap_within_working_hours_is_taken() {
        // 9 to 17 in Berlin is 8 to 16 in winter.
        check(&[], "2026-11-21T05:00:00Z", 30, Some("2026-11-21T08:00:00Z"));
        check(&[], "2026-11-21T09:01:30Z", 30, Some("2026-11-21T09:05:00Z"));
        check(&[], "2026-11-21T15:31:00Z", 30, Some("2026-11-22T08:00:00Z"));
        check(&[], "2026-11-21T15:30:00Z", 30, Some("2026-11-21T15:30:00Z"));
        check(&[("2026-11-21T08:00:00Z", 60)], "2026-11-21T05:00:00Z", 30, Some("2026-11-21T09:00:00Z"));
        check(&[("2026-11-21T08:15:00Z", 60)], "2026-11-21T05:00:00Z", 30, Some("2026-11-21T09:15:00Z"));
        check(&[("2026-11-21T08:30:00Z", 60)], "2026-11-21T05:00:00Z", 30, Some("2026-11-21T08:00:00Z"));
        // A long one that began before the others still lasts.
        let lasting = [("2026-11-20T08:00:00Z", 1_500), ("2026-11-21T08:10:00Z", 10)];
        check(&lasting, "2026-11-21T05:00:00Z", 30, Some("2026-11-21T09:00:00Z"));
        check(&[], "2026-11-21T05:00:00Z", 481, None);
        // In summer it is an hour earlier.
        check(&[], "2026-07-01T05:00:00Z", 480, Some("2026-07-01T07:00:00Z"));
    }

    #[test]
    fn what_is_placed_is_in_the_way_of_the_next() {
        let zone: Zone = "UTC".parse().expect("a zone");
        let mut calendar = Busy::default();
        let mut take = |minutes| calendar.take(&zone, Hours::default(), at("2026-11-21T00:00:00Z"), minutes);
        assert_eq!(take(240), Some(at("2026-11-21T09:00:00Z")));
        assert_eq!(take(300), Some(at("2026-11-22T09:00:00Z")));
        assert_eq!(take(240), Some(at("2026-11-21T13:00:00Z")));
        assert_eq!(take(30), Some(at("2026-11-22T14:00:00Z")));
    }

    #[test]
    fn working_hours_that_make_no_sense_are_the_usual_ones() {
        let usual = Hours::default();
        assert_eq!(Hours::of(Some("08:30"), Some("12:00")).start, Time::constant(8, 30, 0, 0));
        for (start, end) in [(None, None), (Some("9"), Some("17:00")), (Some("17:00"), Some("09:00"))] {
            assert_eq!(Hours::of(start, end), usual);
        }
    }
}
