//! Editing an occurrence: this one, this and all that follow, or all.

use base::db::Tx;
use base::extract::present;
use base::{Error, Result, params};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::own::{carry_over, clear_overrides};
use super::{COLUMNS, Occurrence, find, split};
use crate::field::{Priority, Prose, Title};
use crate::period::Day;
use crate::recurrence::{self, CountsFrom, Recurrence};
use crate::task::{self, DueTime, EstimateMinutes, Task};

/// How far an edit reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EditScope)]
pub enum Scope {
    /// This occurrence.
    This,
    /// This one and those after it, which become a series and a task of their own.
    Following,
    /// The whole series: the task, and all of its occurrences that nobody touched and that are not past.
    All,
}

/// What becomes of an occurrence: what is absent stays.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OccurrenceChange)]
pub struct Change {
    /// How far the edit reaches.
    pub scope: Scope,
    /// What is to be done; null is as the task has it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline)]
    pub title: Option<Option<Title>>,
    /// More about it; null is as the task has it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline)]
    pub description: Option<Option<Prose>>,
    /// How much it matters; null is as the task has it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub priority: Option<Option<Priority>>,
    /// How long it should take, in minutes; null is as the task has it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline)]
    pub estimate_minutes: Option<Option<EstimateMinutes>>,
    /// The day it is to be due.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline, nullable = false)]
    pub due_date: Option<Day>,
    /// The time of that day; null makes it a whole day.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline)]
    pub due_time: Option<Option<DueTime>>,
}

/// What an edit led to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Edited {
    /// The task that the occurrence belongs to now.
    pub task: Task,
    /// How that recurs.
    pub recurrence: Recurrence,
    /// The occurrence, unless the edited series has none there.
    pub occurrence: Option<Occurrence>,
}

impl Change {
    /// Where the occurrence is to be due, and whether it is to have a time; none when it is not moved.
    pub(super) fn place(&self, occurrence: &Occurrence) -> Option<(Date, Option<Time>)> {
        if self.due_date.is_none() && self.due_time.is_none() {
            return None;
        }
        let time = self.due_time.unwrap_or(occurrence.due_time);
        Some((self.due_date.unwrap_or(occurrence.due_date).date(), time.map(DueTime::time)))
    }

    /// The change of where an occurrence is, for it alone.
    fn of_place_alone(change: &Self) -> Self {
        Self {
            scope: Scope::This,
            title: None,
            description: None,
            priority: None,
            estimate_minutes: None,
            due_date: change.due_date,
            due_time: change.due_time,
        }
    }

    /// The same for the task, as far as it is about more than when.
    fn of_task(&self) -> Result<task::Change> {
        let required = |pointer: &str| Error::invalid(pointer, "A task has one: null is for this occurrence alone.");
        Ok(task::Change {
            title: self.title.clone().map(|title| title.ok_or_else(|| required("/title"))).transpose()?,
            description: self.description.clone(),
            priority: self.priority.map(|priority| priority.ok_or_else(|| required("/priority"))).transpose()?,
            estimate_minutes: self.estimate_minutes,
            ..task::Change::default()
        })
    }
}

/// Edits an occurrence as far as the change reaches.
///
/// # Errors
///
/// 409 `occurrence_closed` for moving what is done, skipped, missed or cancelled; 409 `not_recurring` when the series
/// is gone; 422 for what the series cannot become.
pub async fn change(
    tx: &mut Tx,
    owner: Uuid,
    task: Task,
    occurrence: Occurrence,
    change: &Change,
    new_ids: [Uuid; 2],
    now: Timestamp,
) -> Result<Edited> {
    let recurrence = recurrence::find(tx, owner, task.id).await?;
    let recurrence = recurrence.ok_or_else(|| {
        Error::conflict("not_recurring", "The task recurs no longer, so this is no longer of a series.")
    })?;
    let place = change.place(&occurrence);
    if place.is_some() && !occurrence.status.is_open() {
        let detail = "It is done, skipped, missed or cancelled. Open it again to move it.";
        return Err(Error::conflict("occurrence_closed", detail));
    }
    if change.scope == Scope::This {
        let occurrence = change_this(tx, owner, &recurrence, &occurrence, change, place, now).await?;
        return Ok(Edited { task, recurrence, occurrence: Some(occurrence) });
    }
    let of_task = change.of_task()?;
    let shift = place.map(|(date, time)| split::Shift::of(&occurrence, date, time));
    clear_overrides(tx, owner, &occurrence, change, now).await?;
    let by_completion = recurrence.counts_from == CountsFrom::Completion;
    let splits = change.scope == Scope::Following && split::has_earlier(&recurrence, &occurrence);
    let edit = split::Edit { task, recurrence, pivot: occurrence.clone(), of_task, shift };
    if by_completion {
        let (task, recurrence) = split::change_time(tx, owner, edit, now).await?;
        let current = find(tx, owner, task.id, occurrence.id).await?.unwrap_or(occurrence);
        let own = Change::of_place_alone(change);
        let occurrence = change_this(tx, owner, &recurrence, &current, &own, place, now).await?;
        return Ok(Edited { task, recurrence, occurrence: Some(occurrence) });
    }
    let (task, recurrence, local) = if splits {
        Box::pin(split::split(tx, owner, edit, new_ids, now)).await?
    } else {
        split::change_all(tx, owner, edit, now).await?
    };
    let found = find(tx, owner, task.id, super::id_of(task.id, local)).await?;
    let occurrence = match found {
        Some(found) if found.id != occurrence.id => {
            Some(carry_over(tx, owner, &recurrence, &occurrence, found, change, now).await?)
        }
        found => found,
    };
    Ok(Edited { task, recurrence, occurrence })
}

/// Changes one occurrence only.
pub(super) async fn change_this(
    tx: &mut Tx,
    owner: Uuid,
    recurrence: &Recurrence,
    occurrence: &Occurrence,
    change: &Change,
    place: Option<(Date, Option<Time>)>,
    now: Timestamp,
) -> Result<Occurrence> {
    let mut after = occurrence.clone();
    if let Some(title) = &change.title {
        after.title = title.as_ref().map(|title| title.as_str().to_owned());
    }
    if let Some(description) = &change.description {
        after.description = description.as_ref().map(|text| text.as_str().to_owned());
    }
    after.priority = change.priority.unwrap_or(after.priority);
    let estimate = change.estimate_minutes.map(|estimate| estimate.map(EstimateMinutes::minutes));
    after.estimate_minutes = estimate.unwrap_or(after.estimate_minutes);
    if let Some((date, time)) = place {
        after.due_date = Day::nearest(date);
        after.due_time = time.and_then(|time| DueTime::try_from(time).ok());
        after.starts_at = recurrence.time_zone.instant(after.due());
        after.moved = after.due() != after.original_start || time.is_none() != recurrence.all_day;
    }
    if after == *occurrence {
        return Ok(after);
    }
    let sql = format!(
        "update occurrences o set (title, description, priority, estimate_minutes, due_date, due_time, starts_at,
             moved, updated_at) = ($3, $4, $5, $6, $7, $8, $9, $10, $11)
         where o.user_id = $1 and o.id = $2 returning {COLUMNS}"
    );
    let (priority, due_time) = (after.priority.map(Priority::name), after.due_time.map(DueTime::time));
    let row = tx
        .query_one(
            &sql,
            params![
                owner,
                after.id,
                after.title,
                after.description,
                priority,
                after.estimate_minutes,
                after.due_date.date(),
                due_time,
                after.starts_at,
                after.moved,
                now
            ],
        )
        .await?;
    Ok(Occurrence::from_row(&row))
}
