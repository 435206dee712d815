//! Occurrences: a recurring task's single times, each completed, skipped or moved by itself.
//!
//! They are rows, made ahead as far as somebody looks and at least [`HORIZON`]. An occurrence is named by its task
//! and the local time that the rule gives it, so however often it is made there is one. Whoever writes holds the
//! owner's write lock.

mod away;
mod change;
mod list;
mod make;
mod own;
mod settle;
mod slot;
mod split;
mod status;

use base::db::Tx;
use base::params;
use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

pub use away::{AWAY_DAYS_MAX, Absence, Outcome, Treatment, leave};
pub use change::{Change, Edited, Scope, change};
pub use list::{LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, Query, TaskGlance, WINDOW_DAYS_MAX, Window, WithTask, list};
pub use make::extend;
pub(crate) use make::{close_all, follow_tasks, rebuild, show_next};
pub(crate) use settle::{Passing, Plan, settle};
pub use status::{finish_if_over, set_status};

use crate::field::Priority;
use crate::period::Day;
use crate::task::DueTime;

/// How far ahead occurrences are made at least: 90 days.
pub const HORIZON: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How far ahead they are made at most, for whoever looks so far: a leap year.
pub const HORIZON_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);
/// The most occurrences of one task within [`HORIZON`].
pub const OCCURRENCES_MAX: usize = 1_000;

/// How far an occurrence is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OccurrenceStatus)]
pub enum Status {
    /// Not begun.
    #[default]
    Pending,
    /// Begun.
    InProgress,
    /// Done.
    Done,
    /// Left out on purpose.
    Skipped,
    /// Its day passed, and its policy let it go.
    Missed,
    /// Its series or its task ended before it.
    Cancelled,
}

impl Status {
    /// The database's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Cancelled => "cancelled",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "in_progress" => Self::InProgress,
            "done" => Self::Done,
            "skipped" => Self::Skipped,
            "missed" => Self::Missed,
            "cancelled" => Self::Cancelled,
            _ => Self::Pending,
        }
    }

    /// Whether it is still to be done.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress)
    }
}

/// One time at which a recurring task is due.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Occurrence {
    /// Its id, made of the task's and of `original_start`.
    pub id: Uuid,
    /// The task.
    pub task_id: Uuid,
    /// The local time that the rule gives it. It never changes.
    #[schema(value_type = String, example = "2026-11-21T09:00:00")]
    pub original_start: DateTime,
    /// The day it is due now.
    pub due_date: Day,
    /// The time of that day; none for whole days.
    pub due_time: Option<DueTime>,
    /// When that is. A time that clocks skip is as much later.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// Whether it is elsewhere than the rule has it.
    pub moved: bool,
    /// What is to be done, where it differs from the task.
    pub title: Option<String>,
    /// More about it, where it differs from the task.
    pub description: Option<String>,
    /// How much it matters, where it differs from the task.
    pub priority: Option<Priority>,
    /// How long it should take, in minutes, where it differs from the task.
    pub estimate_minutes: Option<i32>,
    /// How far it is.
    pub status: Status,
    /// When it was done. There exactly while it is.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

const COLUMNS: &str = "o.id, o.task_id, o.original_start, o.due_date, o.due_time, o.starts_at, o.moved, o.title, \
    o.description, o.priority, o.estimate_minutes, o.status, o.completed_at, o.created_at, o.updated_at";

/// An occurrence as the rule made it: nobody changed, began or ended it.
const IS_PLAIN: &str = "(o.status = 'pending' and not o.moved and o.title is null and o.description is null
    and o.priority is null and o.estimate_minutes is null)";

impl Occurrence {
    fn from_row(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            task_id: row.get("task_id"),
            original_start: row.get("original_start"),
            due_date: Day::kept(row.get("due_date")),
            due_time: row.get::<_, Option<Time>>("due_time").and_then(|time| DueTime::try_from(time).ok()),
            starts_at: row.get("starts_at"),
            moved: row.get("moved"),
            title: row.get("title"),
            description: row.get("description"),
            priority: row.get::<_, Option<&str>>("priority").map(Priority::from_name),
            estimate_minutes: row.get("estimate_minutes"),
            status: Status::from_name(row.get("status")),
            completed_at: row.get("completed_at"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }

    /// The local time at which it is due; of a whole day its midnight.
    pub fn due(&self) -> DateTime {
        self.due_date.date().to_datetime(self.due_time.map_or(Time::midnight(), DueTime::time))
    }
}

/// The id of a task's occurrence.
pub fn id_of(task_id: Uuid, original_start: DateTime) -> Uuid {
    Uuid::new_v5(&task_id, original_start.to_string().as_bytes())
}

/// One occurrence of a task.
pub async fn find(tx: &mut Tx, owner: Uuid, task_id: Uuid, id: Uuid) -> Result<Option<Occurrence>, Error> {
    let sql = format!("select {COLUMNS} from occurrences o where o.user_id = $1 and o.task_id = $2 and o.id = $3");
    Ok(tx.query_opt(&sql, params![owner, task_id, id]).await?.as_ref().map(Occurrence::from_row))
}
