//! Changing tasks that are there: the one way, whoever asks.

use std::collections::{HashMap, HashSet};

use base::Result;
use base::db::Tx;
use base::extract::present;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::create::needs_date;
use super::statement::Statement;
use super::{COLUMNS, DueTime, EstimateMinutes, Status, Task, refused, tree};
use crate::field::{Metadata, Priority, Prose, Tags, Title};
use crate::note;
use crate::occurrence;
use crate::period::Day;

/// What becomes of a task: what is absent stays, what is null is cleared.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskChange)]
pub struct Change {
    /// What is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline, nullable = false)]
    pub title: Option<Title>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline)]
    pub description: Option<Option<Prose>>,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(nullable = false)]
    pub status: Option<Status>,
    /// How much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(nullable = false)]
    pub priority: Option<Priority>,
    /// The day it is due. Without a day there is no time either.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline)]
    pub due_date: Option<Option<Day>>,
    /// The time of that day. It needs a day.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline)]
    pub due_time: Option<Option<DueTime>>,
    /// How long it should take, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline)]
    pub estimate_minutes: Option<Option<EstimateMinutes>>,
    /// The task it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub parent_id: Option<Option<Uuid>>,
    /// The goal it serves.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub goal_id: Option<Option<Uuid>>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline, nullable = false)]
    pub tags: Option<Tags>,
    /// Whatever clients keep with it: a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline, nullable = false)]
    pub metadata: Option<Metadata>,
}

/// Changes tasks, as they now are in `current`, all in the same way, and returns them in the same order. A task that
/// is so already is not touched. `at` is the pointer to the change, for errors.
///
/// # Errors
///
/// 409 `cycle` or `too_deep`; 422 for a time without a day, and for a parent or a goal that is not there.
pub async fn update(
    tx: &mut Tx,
    owner: Uuid,
    current: Vec<Task>,
    change: &Change,
    at: &str,
    now: Timestamp,
) -> Result<Vec<Task>> {
    let changing: Vec<(&Task, Task)> = current.iter().map(|task| (task, change.applied_to(task, now))).collect();
    let changing: Vec<(&Task, Task)> = changing.into_iter().filter(|(before, after)| *before != after).collect();
    if changing.iter().any(|(_, after)| after.due_time.is_some() && after.due_date.is_none()) {
        return Err(needs_date(&format!("{at}/due_time")));
    }
    let moved = changing.iter().filter(|(before, after)| before.parent_id != after.parent_id);
    let moved: Vec<Uuid> = moved.map(|(task, _)| task.id).collect();
    if let Some(Some(parent)) = change.parent_id.filter(|_| !moved.is_empty()) {
        tree::check_place(tx, owner, &moved, parent, &format!("{at}/parent_id")).await?;
    }
    let ids: Vec<Uuid> = changing.iter().map(|(task, _)| task.id).collect();
    if ids.is_empty() {
        return Ok(current);
    }
    let was_done: HashSet<Uuid> =
        changing.iter().filter(|(task, _)| task.status == Status::Done).map(|(task, _)| task.id).collect();
    let mut written = write(tx, owner, &ids, change, at, now).await?;
    let turned = written.values().filter(|after| (after.status == Status::Done) != was_done.contains(&after.id));
    note::follow_tasks(tx, owner, turned, now).await?;
    occurrence::follow_tasks(tx, owner, &changing, now).await?;
    Ok(current.into_iter().map(|task| written.remove(&task.id).unwrap_or(task)).collect())
}

/// Changes how far tasks are, and nothing else.
pub async fn set_status(
    tx: &mut Tx,
    owner: Uuid,
    current: Vec<Task>,
    status: Status,
    now: Timestamp,
) -> Result<Vec<Task>> {
    let change = Change { status: Some(status), ..Change::default() };
    update(tx, owner, current, &change, "", now).await
}

impl Change {
    /// What the task becomes, but for `updated_at`.
    fn applied_to(&self, task: &Task, now: Timestamp) -> Task {
        let mut after = task.clone();
        if let Some(title) = &self.title {
            title.as_str().clone_into(&mut after.title);
        }
        if let Some(description) = &self.description {
            after.description = description.as_ref().map(|text| text.as_str().to_owned());
        }
        if let Some(status) = self.status {
            after.status = status;
            after.completed_at = (status == Status::Done).then(|| task.completed_at.unwrap_or(now));
        }
        after.priority = self.priority.unwrap_or(task.priority);
        after.due_date = self.due_date.unwrap_or(task.due_date);
        after.due_time = self.due_time.unwrap_or(if self.takes_day_away() { None } else { task.due_time });
        let estimate = self.estimate_minutes.map(|estimate| estimate.map(EstimateMinutes::minutes));
        after.estimate_minutes = estimate.unwrap_or(task.estimate_minutes);
        after.parent_id = self.parent_id.unwrap_or(task.parent_id);
        after.goal_id = self.goal_id.unwrap_or(task.goal_id);
        if let Some(tags) = &self.tags {
            after.tags = tags.to_vec();
        }
        if let Some(metadata) = &self.metadata {
            after.metadata = metadata.to_value();
        }
        after
    }

    /// Whether a time goes too, as it needs a day.
    fn takes_day_away(&self) -> bool {
        matches!((self.due_date, self.due_time), (Some(None), None))
    }
}

/// Writes the change to all of `ids` in one statement.
async fn write(
    tx: &mut Tx,
    owner: Uuid,
    ids: &[Uuid],
    change: &Change,
    at: &str,
    now: Timestamp,
) -> Result<HashMap<Uuid, Task>> {
    let ids = ids.to_vec();
    let title = change.title.as_ref().map(Title::as_str);
    let description = change.description.as_ref().map(|text| text.as_ref().map(Prose::as_str));
    let (status, priority) = (change.status.map(Status::name), change.priority.map(Priority::name));
    let due_date = change.due_date.map(|date| date.map(Day::date));
    let due_time = change.due_time.map(|time| time.map(DueTime::time));
    let estimate = change.estimate_minutes.map(|estimate| estimate.map(EstimateMinutes::minutes));
    let tags = change.tags.as_ref().map(|tags| Value::from(tags.to_vec()));
    let metadata = change.metadata.as_ref().map(Metadata::to_value);

    let mut update = Statement::new("update tasks set updated_at = ", &now);
    update.bind_some(", title = ", title.as_ref());
    update.bind_some(", description = ", description.as_ref());
    update.bind_some(", status = ", status.as_ref());
    match change.status {
        Some(Status::Done) => update.push(", completed_at = coalesce(completed_at, $1)"),
        Some(_) => update.push(", completed_at = null"),
        None => {}
    }
    update.bind_some(", priority = ", priority.as_ref());
    update.bind_some(", due_date = ", due_date.as_ref());
    update.bind_some(", due_time = ", due_time.as_ref());
    if change.takes_day_away() {
        update.push(", due_time = null");
    }
    update.bind_some(", estimate_minutes = ", estimate.as_ref());
    update.bind_some(", parent_id = ", change.parent_id.as_ref());
    update.bind_some(", goal_id = ", change.goal_id.as_ref());
    update.bind_some(", tags = ", tags.as_ref());
    update.bind_some(", metadata = ", metadata.as_ref());
    update.bind(" where user_id = ", &owner);
    update.bind(" and id = any(", &ids);
    update.push(") returning ");
    update.push(COLUMNS);
    let (sql, params) = update.parts();
    let rows = tx.query(sql, params).await.map_err(|error| refused(error, at))?;
    Ok(rows.iter().map(Task::from_row).map(|task| (task.id, task)).collect())
}
