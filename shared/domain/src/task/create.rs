//! Making a task.

use base::db::Tx;
use base::{Error, Result, params};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{COLUMNS, DueTime, Source, SourceReference, Status, Task, refused, tree};
use crate::field::{Metadata, Priority, Prose, Tags, Title};
use crate::period::Day;

/// The longest estimate, in minutes: a week.
pub const ESTIMATE_MINUTES_MAX: i32 = 7 * 24 * 60;

/// How long a task should take: 1 to [`ESTIMATE_MINUTES_MAX`] minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i64")]
#[schema(value_type = i32, minimum = 1, maximum = 10_080)]
pub struct EstimateMinutes(i32);

impl EstimateMinutes {
    /// The minutes.
    pub fn minutes(self) -> i32 {
        self.0
    }
}

impl TryFrom<i64> for EstimateMinutes {
    type Error = &'static str;

    fn try_from(minutes: i64) -> Result<Self, Self::Error> {
        let minutes = i32::try_from(minutes).ok().filter(|minutes| (1..=ESTIMATE_MINUTES_MAX).contains(minutes));
        minutes.map(Self).ok_or("not 1 to 10,080 minutes")
    }
}

/// A task to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// Its id, where the client chooses one: whoever makes tasks without a connection knows it before we do.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// What is to be done.
    #[schema(inline)]
    pub title: Title,
    /// More about it.
    #[serde(default)]
    #[schema(inline)]
    pub description: Option<Prose>,
    /// How far it is.
    #[serde(default)]
    pub status: Status,
    /// How much it matters.
    #[serde(default)]
    pub priority: Priority,
    /// The day it is due, by the user's calendar.
    #[serde(default)]
    #[schema(inline)]
    pub due_date: Option<Day>,
    /// The time of that day. It needs a day.
    #[serde(default)]
    #[schema(inline)]
    pub due_time: Option<DueTime>,
    /// How long it should take, in minutes.
    #[serde(default)]
    #[schema(inline)]
    pub estimate_minutes: Option<EstimateMinutes>,
    /// The task it is a part of.
    #[serde(default)]
    pub parent_id: Option<Uuid>,
    /// The goal it serves.
    #[serde(default)]
    pub goal_id: Option<Uuid>,
    /// Who or what makes it.
    #[serde(default)]
    pub source: Source,
    /// What it is made from, in the words of the source.
    #[serde(default)]
    #[schema(inline)]
    pub source_reference: Option<SourceReference>,
    /// Words to find it by.
    #[serde(default)]
    #[schema(inline)]
    pub tags: Tags,
    /// Whatever clients keep with it: a JSON object.
    #[serde(default)]
    #[schema(inline)]
    pub metadata: Metadata,
}

impl NewTask {
    /// A task with a title and nothing else.
    pub fn titled(title: Title) -> Self {
        Self {
            id: None,
            title,
            description: None,
            status: Status::default(),
            priority: Priority::default(),
            due_date: None,
            due_time: None,
            estimate_minutes: None,
            parent_id: None,
            goal_id: None,
            source: Source::default(),
            source_reference: None,
            tags: Tags::default(),
            metadata: Metadata::default(),
        }
    }
}

/// Makes a task with this id.
///
/// # Errors
///
/// 409 `id_taken`, `source_reference_taken` or `too_deep`; 422 for a time without a day, and for a parent or a goal
/// that is not there.
pub async fn create(tx: &mut Tx, owner: Uuid, id: Uuid, new: &NewTask, now: Timestamp) -> Result<Task> {
    if new.due_time.is_some() && new.due_date.is_none() {
        return Err(needs_date("/due_time"));
    }
    if let Some(parent) = new.parent_id {
        tree::check_place(tx, owner, &[], parent, "/parent_id").await?;
    }
    let sql = format!(
        "insert into tasks (user_id, id, title, description, status, priority, due_date, due_time, estimate_minutes,
             parent_id, goal_id, source, source_reference, tags, metadata, completed_at, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
         on conflict (id) do nothing returning {COLUMNS}"
    );
    let created = tx
        .query_opt(
            &sql,
            params![
                owner,
                id,
                new.title.as_str(),
                new.description.as_ref().map(Prose::as_str),
                new.status.name(),
                new.priority.name(),
                new.due_date.map(Day::date),
                new.due_time.map(DueTime::time),
                new.estimate_minutes.map(EstimateMinutes::minutes),
                new.parent_id,
                new.goal_id,
                new.source.name(),
                new.source_reference.as_ref().map(SourceReference::as_str),
                Value::from(new.tags.to_vec()),
                new.metadata.to_value(),
                (new.status == Status::Done).then_some(now),
                now,
            ],
        )
        .await
        .map_err(|error| refused(error, ""))?;
    let created = created.ok_or_else(|| Error::conflict("id_taken", "There is something with this id already."))?;
    Ok(Task::from_row(&created))
}

/// A time of day says nothing without the day.
pub(super) fn needs_date(pointer: &str) -> Error {
    Error::invalid(pointer, "A time needs a due_date.")
}
