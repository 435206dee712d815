//! Edits that reach further than one occurrence: of a whole series, or of the part of it from an occurrence on.

use base::db::Tx;
use base::{Error, Result, params};
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};
use uuid::Uuid;

use super::{IS_PLAIN, Occurrence, finish_if_over, rebuild};
use crate::field::{Metadata, Prose, Tags, Title};
use crate::period::Day;
use crate::recurrence::{self, CountsFrom, End, LocalTime, Moment, Preset, Recurrence};
use crate::task::{self, DueTime, EstimateMinutes, NewTask, Task};

/// An edit to be made.
pub(super) struct Edit {
    pub(super) task: Task,
    pub(super) recurrence: Recurrence,
    /// The occurrence that was edited.
    pub(super) pivot: Occurrence,
    pub(super) of_task: task::Change,
    pub(super) shift: Option<Shift>,
}

/// How much later everything is to be, and whether it is to be of whole days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    by: SignedDuration,
    days: i64,
    is_all_day: bool,
}

impl Shift {
    /// From where the rule has the occurrence to where it is put.
    pub(super) fn of(pivot: &Occurrence, date: Date, time: Option<Time>) -> Self {
        let from = pivot.original_start;
        let to = date.to_datetime(time.unwrap_or(Time::midnight()));
        let days = date.duration_since(from.date()).as_hours() / 24;
        Self { by: to.duration_since(from), days, is_all_day: time.is_none() }
    }

    fn applied_to(self, local: DateTime) -> DateTime {
        local.saturating_add(self.by)
    }
}

/// Whether the rule has anything before this occurrence; without, the series cannot be split here. What counts from
/// completion has one occurrence at a time, so there is nothing to split.
pub(super) fn has_earlier(recurrence: &Recurrence, pivot: &Occurrence) -> bool {
    let first = recurrence.series().instances().next();
    recurrence.counts_from == CountsFrom::Schedule && first.is_some_and(|first| first.local < pivot.original_start)
}

/// Changes the task and all of its series. Gives back where the edited occurrence is named now.
pub(super) async fn change_all(
    tx: &mut Tx,
    owner: Uuid,
    edit: Edit,
    now: Timestamp,
) -> Result<(Task, Recurrence, DateTime)> {
    let Edit { task, recurrence, pivot, of_task, shift } = edit;
    let task = change_task(tx, owner, task, &of_task, now).await?;
    let Some(shift) = shift else { return Ok((task, recurrence, pivot.original_start)) };
    let mut after = shifted(&recurrence, shift)?;
    let today = recurrence.today(now).to_datetime(Time::midnight());
    remove_open(tx, owner, &pivot).await?;
    // From a past occurrence on, what nobody touched moves along.
    remove_plain(tx, owner, task.id, today.min(pivot.original_start)).await?;
    let touched = touched_from(tx, owner, task.id, today.min(pivot.original_start)).await?;
    after.exdates.extend(touched.into_iter().map(|local| LocalTime::of(shift.applied_to(local), after.all_day)));
    let after = checked(after)?;
    let kept = recurrence::save(tx, owner, &after, false, now).await?;
    if pivot.original_start < today {
        // What is past is not made anew, but this one was asked for.
        let anew = recurrence.time_zone.instant(shift.applied_to(pivot.original_start));
        super::extend(tx, owner, &[kept.made_until(anew)], now, now).await?;
    }
    rebuild(tx, owner, &kept, now).await?;
    Ok((task, kept, shift.applied_to(pivot.original_start)))
}

/// Changes the task, and the time of day of all that is to come of what counts from completion. The occurrence that is
/// open now is moved by itself.
pub(super) async fn change_time(tx: &mut Tx, owner: Uuid, edit: Edit, now: Timestamp) -> Result<(Task, Recurrence)> {
    let Edit { task, recurrence, pivot, of_task, shift } = edit;
    let task = change_task(tx, owner, task, &of_task, now).await?;
    let Some(shift) = shift else { return Ok((task, recurrence)) };
    let time = shift.applied_to(pivot.original_start).time();
    if recurrence.rule.names_times() && time != pivot.original_start.time() {
        return Err(names_times());
    }
    let start = LocalTime::of(recurrence.start.date().to_datetime(time), shift.is_all_day);
    let after = checked(Recurrence { start, all_day: shift.is_all_day, ..recurrence })?;
    let kept = recurrence::save(tx, owner, &after, false, now).await?;
    Ok((task, kept))
}

fn names_times() -> Error {
    Error::invalid("/due_time", "The rule names its times of day. Change the rule instead.")
}

/// Ends the series before the edited occurrence, and goes on with a task and a series of their own.
pub(super) async fn split(
    tx: &mut Tx,
    owner: Uuid,
    edit: Edit,
    [task_id, recurrence_id]: [Uuid; 2],
    now: Timestamp,
) -> Result<(Task, Recurrence, DateTime)> {
    let Edit { task, recurrence, pivot, of_task, shift } = edit;
    let boundary = pivot.original_start;
    let shift = shift.unwrap_or(Shift { by: SignedDuration::ZERO, days: 0, is_all_day: recurrence.all_day });
    let alone = recurrence.series().of_rule_alone();
    let earlier = alone.instances().take_while(|instance| instance.local < boundary).count();
    if alone.instances().nth(earlier).is_none_or(|instance| instance.local != boundary) {
        let detail = "The rule does not name this occurrence, so no series can begin with it.";
        return Err(Error::invalid("/scope", detail));
    }
    let (before, after): (Vec<LocalTime>, Vec<LocalTime>) =
        recurrence.rdates.iter().copied().partition(|time| time.start() < boundary);
    let (out_before, out_after) = recurrence.exdates.iter().copied().partition(|time| time.start() < boundary);
    remove_open(tx, owner, &pivot).await?;
    remove_plain(tx, owner, task.id, boundary).await?;
    let touched = touched_from(tx, owner, task.id, boundary).await?;

    let rest = Recurrence { rdates: after, exdates: out_after, ..recurrence.clone() };
    let mut rest = shifted(&rest, shift)?;
    rest.exdates.extend(touched.into_iter().map(|local| LocalTime::of(shift.applied_to(local), rest.all_day)));
    rest.start = LocalTime::of(shift.applied_to(boundary), rest.all_day);
    rest.since = rest.start.date().to_datetime(Time::midnight());
    if let End::Count(count) = rest.rule.end() {
        let left = count.saturating_sub(u32::try_from(earlier).unwrap_or(u32::MAX)).max(1);
        rest.rule = rest.rule.with_end(End::Count(left));
    }
    (rest.id, rest.task_id, rest.created_at, rest.materialized_until) = (recurrence_id, task_id, now, None);
    let rest = checked(rest)?;

    let last = if recurrence.all_day {
        Moment::Date(boundary.date().saturating_sub(1.day()))
    } else {
        Moment::Local(boundary.saturating_sub(1.second()))
    };
    let rule = recurrence.rule.clone().with_end(End::Until(last));
    let old = Recurrence { preset: Preset::of(&rule), rule, rdates: before, exdates: out_before, ..recurrence };
    let old = recurrence::save(tx, owner, &old, false, now).await?;
    let new_task = task::create(tx, owner, task_id, &copy_of(&task, &rest)?, now).await?;
    let new_task = change_task(tx, owner, new_task, &of_task, now).await?;
    let kept = recurrence::save(tx, owner, &rest, true, now).await?;
    super::extend(tx, owner, std::slice::from_ref(&kept), now, now).await?;
    finish_if_over(tx, owner, &old, now).await?;
    Ok((new_task, kept, rest.start.start()))
}

async fn change_task(tx: &mut Tx, owner: Uuid, task: Task, change: &task::Change, now: Timestamp) -> Result<Task> {
    let mut changed = task::update(tx, owner, vec![task], change, "", now).await?;
    Ok(changed.remove(0))
}

/// The recurrence with all its local times moved.
fn shifted(recurrence: &Recurrence, shift: Shift) -> Result<Recurrence> {
    let is_moved_in_day = shift.by != SignedDuration::from_hours(24 * shift.days);
    if recurrence.rule.names_times() && is_moved_in_day {
        return Err(names_times());
    }
    let rule = recurrence.rule.clone().moved(shift.days);
    let rule = rule.ok_or_else(|| Error::invalid("/due_date", "The rule names its days. Change the rule instead."))?;
    let end = match rule.end() {
        End::Until(Moment::Local(until)) => End::Until(Moment::Local(shift.applied_to(until))),
        End::Until(Moment::Date(until)) => End::Until(Moment::Date(until.saturating_add(shift.days.days()))),
        end => end,
    };
    let time = |time: &LocalTime| LocalTime::of(shift.applied_to(time.start()), shift.is_all_day);
    let rule = rule.with_end(end);
    Ok(Recurrence {
        preset: Preset::of(&rule),
        rule,
        start: time(&recurrence.start),
        all_day: shift.is_all_day,
        rdates: recurrence.rdates.iter().map(time).collect(),
        exdates: recurrence.exdates.iter().map(time).collect(),
        ..recurrence.clone()
    })
}

/// The recurrence, if it makes a series.
fn checked(mut recurrence: Recurrence) -> Result<Recurrence> {
    recurrence.exdates.sort_unstable();
    recurrence.exdates.dedup();
    recurrence.try_series().map_err(|error| recurrence::refused(&error))?;
    Ok(recurrence)
}

/// A task like this one, to go on with.
fn copy_of(task: &Task, recurrence: &Recurrence) -> Result<NewTask> {
    let kept = |detail: &'static str| Error::internal(format!("a task that is kept is {detail}"));
    let metadata = match &task.metadata {
        serde_json::Value::Object(members) => Metadata::try_from(members.clone()).map_err(kept)?,
        _ => Metadata::default(),
    };
    let has_day = task.due_date.is_some();
    Ok(NewTask {
        description: task.description.clone().map(Prose::try_from).transpose().map_err(kept)?,
        priority: task.priority,
        due_date: has_day.then(|| Day::nearest(recurrence.start.date())),
        due_time: recurrence.start.time().filter(|_| has_day).and_then(|time| DueTime::try_from(time).ok()),
        estimate_minutes: task.estimate_minutes.and_then(|minutes| EstimateMinutes::try_from(i64::from(minutes)).ok()),
        parent_id: task.parent_id,
        goal_id: task.goal_id,
        tags: Tags::try_from(task.tags.clone()).map_err(kept)?,
        metadata,
        ..NewTask::titled(Title::try_from(task.title.clone()).map_err(kept)?)
    })
}

/// Takes the edited occurrence away, to be made anew elsewhere. What has ended stays.
async fn remove_open(tx: &mut Tx, owner: Uuid, pivot: &Occurrence) -> Result<()> {
    let sql = "delete from occurrences where user_id = $1 and id = $2 and status in ('pending', 'in_progress')";
    tx.execute(sql, params![owner, pivot.id]).await?;
    Ok(())
}

/// Takes away what nobody touched from here on.
async fn remove_plain(tx: &mut Tx, owner: Uuid, task_id: Uuid, from: DateTime) -> Result<()> {
    let sql = format!(
        "delete from occurrences o
         where o.user_id = $1 and o.task_id = $2 and o.original_start >= $3 and {IS_PLAIN}"
    );
    tx.execute(&sql, params![owner, task_id, from]).await?;
    Ok(())
}

/// The original starts, from here on, of what stays because somebody touched it. The series does not make it again.
async fn touched_from(tx: &mut Tx, owner: Uuid, task_id: Uuid, from: DateTime) -> Result<Vec<DateTime>> {
    let sql = format!(
        "select o.original_start from occurrences o
         where o.user_id = $1 and o.task_id = $2 and o.original_start >= $3 and not {IS_PLAIN}
         order by o.original_start limit 1000"
    );
    let rows = tx.query(&sql, params![owner, task_id, from]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
