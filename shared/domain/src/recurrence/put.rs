//! Making and changing how a task recurs.

use base::db::Tx;
use base::{Error, Result, params};
use jiff::Timestamp;
use jiff::civil::Time;
use serde_json::Value;
use uuid::Uuid;

use super::record::COLUMNS;
use super::{Change, CountsFrom, LocalTime, MissedPolicy, Preset, Recurrence, RuleError, Series, find};
use crate::occurrence::{self, HORIZON, OCCURRENCES_MAX};
use crate::task::{DueTime, Task};
use crate::user;

/// The most recurring tasks of one user.
pub const RECURRENCES_MAX: i64 = 1_000;

/// Changes how a task recurs, or makes it recur, and its occurrences with it: those that nobody touched and that are
/// not yet past are made anew. Tells whether it is new.
///
/// # Errors
///
/// 422 for what makes no series of 1 to [`OCCURRENCES_MAX`] occurrences in a horizon; 409 `too_many_recurrences`.
pub async fn put(
    tx: &mut Tx,
    owner: Uuid,
    task: &Task,
    change: &Change,
    new_id: Uuid,
    now: Timestamp,
) -> Result<(Recurrence, bool)> {
    let current = find(tx, owner, task.id).await?;
    let is_new = current.is_none();
    let before = match current {
        Some(current) => current,
        None => blank(tx, owner, task, change, new_id, now).await?,
    };
    let after = applied(&before, change)?;
    if !is_new && after == before {
        return Ok((before, false));
    }
    let series = after.try_series().map_err(|error| refused(&error))?;
    check_density(&after, &series)?;
    if is_new {
        check_room(tx, owner).await?;
    }
    let kept = save(tx, owner, &after, is_new, now).await?;
    occurrence::rebuild(tx, owner, &kept, now).await?;
    Ok((kept, is_new))
}

/// Makes a task recur no longer. Occurrences that nobody touched go; others stay, those still open as cancelled.
/// False when it did not recur.
pub async fn delete(tx: &mut Tx, owner: Uuid, task_id: Uuid, now: Timestamp) -> Result<bool> {
    let sql = "delete from recurrences where user_id = $1 and task_id = $2";
    let deleted = tx.execute(sql, params![owner, task_id]).await?;
    if deleted > 0 {
        occurrence::close_all(tx, owner, &[task_id], now).await?;
    }
    Ok(deleted > 0)
}

/// A recurrence with nothing but defaults.
async fn blank(
    tx: &mut Tx,
    owner: Uuid,
    task: &Task,
    change: &Change,
    new_id: Uuid,
    now: Timestamp,
) -> Result<Recurrence> {
    let rule = change.rule.clone().or_else(|| change.preset.and_then(Preset::rule));
    let rule = rule.ok_or_else(|| Error::invalid("/rule", "A recurrence needs a rule, or a preset that has one."))?;
    let zone = if let Some(zone) = &change.time_zone {
        zone.clone()
    } else {
        let zone = user::find_time_zone(tx, owner).await?;
        zone.iana_name().unwrap_or("UTC").parse().map_err(|error| refused(&error))?
    };
    let local = zone.local(now);
    let due = task.due_date.map(|day| match task.due_time {
        Some(time) => LocalTime::of(day.date().to_datetime(DueTime::time(time)), false),
        None => LocalTime::of_day(day.date()),
    });
    let start = change.start.or(due).unwrap_or_else(|| LocalTime::of_day(local.date()));
    Ok(Recurrence {
        id: new_id,
        task_id: task.id,
        preset: Preset::of(&rule),
        rule,
        start,
        time_zone: zone,
        all_day: start.time().is_none(),
        rdates: Vec::new(),
        exdates: Vec::new(),
        counts_from: CountsFrom::default(),
        missed_policy: MissedPolicy::default(),
        auto_reschedule: true,
        since: local.date().to_datetime(Time::midnight()),
        created_at: now,
        updated_at: now,
        materialized_until: None,
    })
}

/// What the recurrence becomes.
fn applied(before: &Recurrence, change: &Change) -> Result<Recurrence> {
    let mut after = before.clone();
    if let Some(rule) = &change.rule {
        after.rule = rule.clone();
    } else if let Some(rule) = change.preset.filter(|preset| *preset != before.preset).and_then(Preset::rule) {
        after.rule = rule;
    }
    after.preset = Preset::of(&after.rule);
    if change.preset.is_some_and(|preset| preset != after.preset) {
        let detail = "Give the rule: it is custom exactly when it is neither FREQ=DAILY nor FREQ=WEEKLY alone.";
        return Err(Error::invalid("/preset", detail));
    }
    if let Some(start) = change.start {
        after.start = start;
        after.all_day = start.time().is_none();
    }
    if let Some(zone) = &change.time_zone {
        after.time_zone = zone.clone();
    }
    if let Some(rdates) = &change.rdates {
        after.rdates.clone_from(rdates);
    }
    if let Some(exdates) = &change.exdates {
        after.exdates.clone_from(exdates);
    }
    after.counts_from = change.counts_from.unwrap_or(before.counts_from);
    after.missed_policy = change.missed_policy.unwrap_or(before.missed_policy);
    after.auto_reschedule = change.auto_reschedule.unwrap_or(before.auto_reschedule);
    if after.counts_from == CountsFrom::Completion && !after.rdates.is_empty() {
        return Err(Error::invalid("/rdates", "What counts from completion has no dates besides its rule's."));
    }
    // As the series has them: sorted, single, in the form of its start.
    let series = after.try_series().map_err(|error| refused(&error))?;
    let times = |times: &[_]| times.iter().map(|local| LocalTime::of(*local, after.all_day)).collect();
    (after.rdates, after.exdates) = (times(series.added()), times(series.removed()));
    Ok(after)
}

/// Names the field that a part of a series came from.
pub(crate) fn refused(error: &RuleError) -> Error {
    let pointer = match error.part() {
        "RDATE" => "/rdates",
        "EXDATE" => "/exdates",
        "TZID" => "/time_zone",
        _ => "/rule",
    };
    Error::invalid(pointer, error.to_string())
}

/// A task's occurrences are rows, so they are bounded.
fn check_density(recurrence: &Recurrence, series: &Series) -> Result<()> {
    let from = recurrence.time_zone.instant(recurrence.since.max(series.start()));
    let mut within = series.instances_between(from, from.saturating_add(HORIZON).unwrap_or(from));
    if within.nth(OCCURRENCES_MAX).is_some() {
        let days = HORIZON.as_hours() / 24;
        let detail = format!("It comes more than {OCCURRENCES_MAX} times in {days} days.");
        return Err(Error::invalid("/rule", detail));
    }
    if series.instances().next().is_none() {
        return Err(Error::invalid("/rule", "It never comes."));
    }
    Ok(())
}

async fn check_room(tx: &mut Tx, owner: Uuid) -> Result<()> {
    let row = tx.query_one("select count(*) from recurrences where user_id = $1", params![owner]).await?;
    if row.get::<_, i64>(0) < RECURRENCES_MAX {
        return Ok(());
    }
    Err(Error::conflict("too_many_recurrences", format!("You have {RECURRENCES_MAX} recurring tasks already.")))
}

/// Writes the row. Its occurrences are to be made anew, and policies to be applied.
pub(crate) async fn save(
    tx: &mut Tx,
    owner: Uuid,
    recurrence: &Recurrence,
    is_new: bool,
    now: Timestamp,
) -> Result<Recurrence> {
    let texts = |times: &[LocalTime]| times.iter().map(ToString::to_string).collect::<Value>();
    let values = "$3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14";
    let sql = if is_new {
        format!(
            "insert into recurrences (user_id, id, task_id, rule, start, time_zone, all_day, rdates, exdates,
                 counts_from, missed_policy, auto_reschedule, since, updated_at, created_at)
             values ($1, $2, {values}, $14) returning {COLUMNS}"
        )
    } else {
        format!(
            "update recurrences set (task_id, rule, start, time_zone, all_day, rdates, exdates, counts_from,
                 missed_policy, auto_reschedule, since, updated_at) = ({values}), tend_at = null
             where user_id = $1 and id = $2 returning {COLUMNS}"
        )
    };
    let row = tx
        .query_one(
            &sql,
            params![
                owner,
                recurrence.id,
                recurrence.task_id,
                recurrence.rule.to_string(),
                recurrence.start.start(),
                recurrence.time_zone.to_string(),
                recurrence.all_day,
                texts(&recurrence.rdates),
                texts(&recurrence.exdates),
                recurrence.counts_from.name(),
                recurrence.missed_policy.name(),
                recurrence.auto_reschedule,
                recurrence.since,
                now,
            ],
        )
        .await?;
    Ok(Recurrence::from_row(&row))
}
