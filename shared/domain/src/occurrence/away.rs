//! "I was away from … to …": what was due then is treated in bulk, as if it had been missed.

use base::db::Tx;
use base::{Error, Result};
use jiff::civil::Time;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{HORIZON_MAX, Occurrence, Passing, Plan, Status, extend, finish_if_over, settle, show_next};
use crate::period::Day;
use crate::recurrence::{self, CountsFrom, MissedPolicy, Recurrence};
use crate::task::DueTime;

/// The longest absence, in days: a leap year.
pub const AWAY_DAYS_MAX: i32 = 366;

/// An absence, in the past or to come.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Absence {
    /// The first day away.
    #[schema(inline)]
    pub from: Day,
    /// The last day away, at most 366 days on.
    #[schema(inline)]
    pub to: Day,
    /// What becomes of what was due, instead of each recurrence's own policy.
    #[serde(default)]
    pub policy: Option<MissedPolicy>,
}

/// What an absence did with an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AbsenceOutcome)]
pub enum Outcome {
    /// It is due after the absence.
    Moved,
    /// It is left out.
    Skipped,
    /// It stays to be done, where it was.
    Kept,
}

/// An occurrence that was due in an absence.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = AbsenceTreatment)]
pub struct Treatment {
    /// What was done with it.
    pub outcome: Outcome,
    /// The day it was due.
    #[schema(inline)]
    pub was_due_date: Day,
    /// The time of that day.
    #[schema(inline)]
    pub was_due_time: Option<DueTime>,
    /// How it is now.
    pub occurrence: Occurrence,
}

/// Treats every open occurrence that is due in an absence, and tells what became of each. What moves goes to the first
/// day back, or to the next free time from then on.
///
/// # Errors
///
/// 422 for days in the wrong order, too many of them, or too far ahead.
pub async fn leave(tx: &mut Tx, owner: Uuid, absence: &Absence, now: Timestamp) -> Result<Vec<Treatment>> {
    let (from, to) = (absence.from.date(), absence.to.date());
    if to < from || from.checked_add(AWAY_DAYS_MAX.days()).is_ok_and(|end| to >= end) {
        return Err(Error::invalid("/to", format!("Give a day within {AWAY_DAYS_MAX} days from the first.")));
    }
    let recurrences = recurrence::list_open(tx, owner).await?;
    let passing: Vec<_> = recurrences
        .into_iter()
        .map(|recurrence| {
            let back_on = to.tomorrow().unwrap_or(to).max(recurrence.today(now));
            Passing { recurrence, first: from, last: to, back_on }
        })
        .collect();
    let Some(end) = passing.iter().map(|passing| end_of(&passing.recurrence, absence.to)).max() else {
        return Ok(Vec::new());
    };
    if now.saturating_add(HORIZON_MAX).is_ok_and(|last| end > last) {
        return Err(Error::invalid("/to", "That is more than a year ahead."));
    }
    let recurring: Vec<Recurrence> = passing.iter().map(|passing| passing.recurrence.clone()).collect();
    extend(tx, owner, &recurring, end, now).await?;
    let plan = Plan { passing: &passing, policy: absence.policy, lost: Status::Skipped };
    let settled = settle(tx, owner, &plan, now).await?;
    for Passing { recurrence, back_on, .. } in &passing {
        let is_touched =
            settled.iter().any(|(_, after)| after.task_id == recurrence.task_id && !after.status.is_open());
        if is_touched && recurrence.counts_from == CountsFrom::Completion {
            show_next(tx, owner, recurrence, Some(*back_on), now).await?;
        }
        if is_touched {
            finish_if_over(tx, owner, recurrence, now).await?;
        }
    }
    let treatment = |(before, after): (Occurrence, Occurrence)| Treatment {
        outcome: match () {
            () if before.status != after.status => Outcome::Skipped,
            () if before.starts_at != after.starts_at => Outcome::Moved,
            () => Outcome::Kept,
        },
        was_due_date: before.due_date,
        was_due_time: before.due_time,
        occurrence: after,
    };
    Ok(settled.into_iter().map(treatment).collect())
}

/// When a day is over in the recurrence's zone.
fn end_of(recurrence: &Recurrence, day: Day) -> Timestamp {
    let next = day.date().tomorrow().unwrap_or(day.date());
    recurrence.time_zone.instant(next.to_datetime(Time::midnight()))
}
