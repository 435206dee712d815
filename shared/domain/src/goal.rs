//! Goals: a tree of what somebody wants to reach in a year, quarter, month, week or day.

mod change;
mod list;
mod progress;

use base::db::Tx;
use base::{Error, params};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::error::DbError;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::field::{Priority, Prose};
use crate::period::{Day, Timeframe};

pub use change::{Change, NewGoal, Percent};
pub use list::{Above, Filter, find, list, list_within};

/// How many levels a tree of goals may have. The database holds it, with the same number.
pub const LEVELS_MAX: i32 = 16;

/// What became of a goal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GoalStatus)]
pub enum Status {
    /// It is being worked on.
    #[default]
    Active,
    /// It is reached.
    Done,
    /// It was given up. It counts for nothing in the goal above it.
    Cancelled,
    /// It is put away. It counts for nothing in the goal above it.
    Archived,
}

impl Status {
    /// The database's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Archived => "archived",
        }
    }

    /// Reads the database's word; a constraint keeps it to the known ones.
    pub fn from_name(name: &str) -> Self {
        match name {
            "done" => Self::Done,
            "cancelled" => Self::Cancelled,
            "archived" => Self::Archived,
            _ => Self::Active,
        }
    }
}

/// Where a goal's progress comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GoalProgressSource)]
pub enum ProgressSource {
    /// From its tasks and the goals below it, each time it is read.
    Derived,
    /// Set by hand.
    Manual,
}

/// A goal of one user.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Goal {
    /// Its id.
    pub id: Uuid,
    /// The goal that it is a part of, which spans at least as much time.
    pub parent_goal_id: Option<Uuid>,
    /// What is to be reached, 1 to 500 characters.
    pub title: String,
    /// More about it, up to 20,000 characters.
    pub description: Option<String>,
    /// How much time it spans.
    pub timeframe: Timeframe,
    /// The first day of its period: of the year, the quarter, the month, the week (a Monday), or the day itself.
    pub starts_on: Day,
    /// The last day of its period.
    pub ends_on: Day,
    /// What became of it.
    pub status: Status,
    /// How much it matters.
    pub priority: Priority,
    /// When it should be reached, where that is not the end of its period.
    pub due_date: Option<Day>,
    /// Percent, 0 to 100. Derived, it is 100 for a goal that is done; otherwise the mean over its items, rounded
    /// down, and 0 without items. Items are the tasks that name this goal (100 when done, otherwise 0) and the goals
    /// directly below it (their own progress, not rounded), each with the same weight; what is cancelled or archived
    /// is no item, and a task that recurs is one item.
    #[schema(minimum = 0, maximum = 100)]
    pub progress: i16,
    /// Where the progress comes from.
    pub progress_source: ProgressSource,
    /// Whatever the client keeps with it: a JSON object.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed. Its derived progress changes without it.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl Goal {
    fn from_row(row: &Row) -> Self {
        let timeframe = Timeframe::from_name(row.get("timeframe"));
        let starts_on = Day::kept(row.get("starts_on"));
        let (manual, derived) = (row.get::<_, Option<i16>>("progress"), row.get("derived_progress"));
        Self {
            id: row.get("id"),
            parent_goal_id: row.get("parent_goal_id"),
            title: row.get("title"),
            description: row.get("description"),
            timeframe,
            starts_on,
            ends_on: timeframe.last_day(starts_on),
            status: Status::from_name(row.get("status")),
            priority: Priority::from_name(row.get("priority")),
            due_date: row.get::<_, Option<_>>("due_date").map(Day::kept),
            progress: manual.unwrap_or(derived),
            progress_source: if manual.is_some() { ProgressSource::Manual } else { ProgressSource::Derived },
            metadata: row.get("metadata"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }

    /// The progress that was set by hand.
    fn manual_progress(&self) -> Option<i16> {
        (self.progress_source == ProgressSource::Manual).then_some(self.progress)
    }
}

/// Makes a goal, whose period is the one that holds `new.starts_on`, else its due date, else `today`.
///
/// # Errors
///
/// 409 `id_taken`; 422 for a parent that is not there, spans less time, or has too many levels above it.
pub async fn create(
    tx: &mut Tx,
    owner: Uuid,
    id: Uuid,
    new: &NewGoal,
    today: Day,
    now: Timestamp,
) -> Result<Goal, Error> {
    let starts_on = new.timeframe.first_day(new.starts_on.or(new.due_date).unwrap_or(today)).date();
    let (timeframe, status, priority) = (new.timeframe.name(), new.status.name(), new.priority.name());
    let (title, description) = (new.title.as_str(), new.description.as_ref().map(Prose::as_str));
    let (due_date, progress) = (new.due_date.map(Day::date), new.progress.map(Percent::number));
    let metadata = new.metadata.to_value();
    let made = tx
        .execute(
            "insert into goals (id, user_id, parent_goal_id, title, description, timeframe, starts_on, status, priority,
                                due_date, progress, metadata, created_at, updated_at)
             values ($2, $1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13) on conflict (id) do nothing",
            params![
                owner,
                id,
                new.parent_goal_id,
                title,
                description,
                timeframe,
                starts_on,
                status,
                priority,
                due_date,
                progress,
                metadata,
                now
            ],
        )
        .await
        .map_err(refused)?;
    if made == 0 {
        return Err(Error::conflict("id_taken", "There is something with this id already."));
    }
    find(tx, owner, id).await?.ok_or_else(|| Error::not_found("goal"))
}

/// Writes what `change` makes of `current`, and gives the goal as it then is. Nothing is written when that is the same.
///
/// # Errors
///
/// 409 `cycle` when the goal would be above itself; 422 for a parent that is not there or spans less time, for a
/// timeframe that a goal below exceeds, and for too many levels.
pub async fn update(tx: &mut Tx, owner: Uuid, current: &Goal, change: Change, now: Timestamp) -> Result<Goal, Error> {
    let goal = change.apply(current.clone());
    if goal == *current {
        return Ok(goal);
    }
    let (timeframe, status, priority) = (goal.timeframe.name(), goal.status.name(), goal.priority.name());
    let (starts_on, due_date) = (goal.starts_on.date(), goal.due_date.map(Day::date));
    tx.execute(
        "update goals set parent_goal_id = $3, title = $4, description = $5, timeframe = $6, starts_on = $7, status = $8,
                priority = $9, due_date = $10, progress = $11, metadata = $12, updated_at = $13
         where user_id = $1 and id = $2",
        params![
            owner,
            goal.id,
            goal.parent_goal_id,
            goal.title,
            goal.description,
            timeframe,
            starts_on,
            status,
            priority,
            due_date,
            goal.manual_progress(),
            goal.metadata,
            now
        ],
    )
    .await
    .map_err(refused)?;
    find(tx, owner, goal.id).await?.ok_or_else(|| Error::not_found("goal"))
}

/// Deletes a goal. The goals below it and its tasks live on without it. Tells whether it was there.
pub async fn delete(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<bool, tokio_postgres::Error> {
    Ok(tx.execute("delete from goals where user_id = $1 and id = $2", params![owner, id]).await? == 1)
}

/// What the database refused, as the client may know it.
fn refused(error: tokio_postgres::Error) -> Error {
    match error.as_db_error().and_then(DbError::constraint) {
        Some("goals_cycle") => {
            Error::conflict("cycle", "A goal cannot be a part of itself, nor of a goal below it.").with_source(error)
        }
        Some("goals_parent_fkey") => Error::invalid("/parent_goal_id", "There is no such goal.").with_source(error),
        Some("goals_depth") => {
            Error::invalid("/parent_goal_id", format!("Goals may be at most {LEVELS_MAX} levels high."))
                .with_source(error)
        }
        Some("goals_timeframe") => {
            Error::invalid("/timeframe", "A goal cannot span more time than the goal above it.").with_source(error)
        }
        _ => error.into(),
    }
}
