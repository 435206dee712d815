//! A draft of a reflection, out of what really happened in its period.

use base::db::Tx;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Kind, Period, lines, markdown};
use crate::goal::{self, Goal, ProgressSource};
use crate::period::{Day, Timeframe};

/// The most tasks of one kind, and the most goals, that a draft has.
const LINES_MAX: i64 = 200;

/// What happened in a period, and a text that begins a reflection on it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ReflectionDraft)]
pub struct Draft {
    /// What it looks back on.
    pub reflection_type: Kind,
    /// The days it looks back on.
    pub period: Period,
    /// The time zone in which those days begin and end.
    pub time_zone: String,
    /// The tasks, and single occurrences of tasks, that were completed, in that order, at most 200.
    pub done: Vec<TaskLine>,
    /// What was due, up to today, and not completed by the end of the period, the longest due first, at most 200. What was
    /// completed later tells when. Of a task that recurs the occurrences count, and not the task.
    pub slipped: Vec<TaskLine>,
    /// What had its due date changed to another one, the latest change first, at most 200.
    pub moved: Vec<MovedTask>,
    /// The goals, active or done, whose own period has days in this one, with their progress of now, the newest 200.
    pub goals: Vec<GoalLine>,
    /// How many there are in all.
    pub counts: Counts,
    /// A text to go on from, Markdown. As the content of a new reflection it is not too long.
    pub markdown: String,
}

/// How many of each there are, those included that a draft leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReflectionDraftCounts)]
pub struct Counts {
    /// Completed tasks.
    pub done: i64,
    /// Tasks that were due and not completed.
    pub slipped: i64,
    /// Tasks with another due date.
    pub moved: i64,
}

/// A task, or one occurrence of it, that was completed, or was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReflectionTask)]
pub struct TaskLine {
    /// The task.
    pub task_id: Uuid,
    /// The occurrence, when it is about one of a task that recurs.
    pub occurrence_id: Option<Uuid>,
    /// What was to be done.
    pub title: String,
    /// The goal it serves.
    pub goal_id: Option<Uuid>,
    /// The day it was due.
    pub due_date: Option<Day>,
    /// When it was completed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
}

/// A task, or one occurrence of it, that was put off, or brought forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReflectionMovedTask)]
pub struct MovedTask {
    /// The task.
    pub task_id: Uuid,
    /// The occurrence, when it is about one of a task that recurs.
    pub occurrence_id: Option<Uuid>,
    /// What is to be done.
    pub title: String,
    /// The goal it serves.
    pub goal_id: Option<Uuid>,
    /// The first due date that was changed in the period.
    pub from: Day,
    /// The due date after the last change in the period.
    pub to: Option<Day>,
}

/// How far a goal is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReflectionGoal)]
pub struct GoalLine {
    /// The goal.
    pub goal_id: Uuid,
    /// What is to be reached.
    pub title: String,
    /// How much time it spans.
    pub timeframe: Timeframe,
    /// What became of it.
    pub status: goal::Status,
    /// Percent, 0 to 100.
    pub progress: i16,
    /// Where the progress comes from.
    pub progress_source: ProgressSource,
}

/// When a period is, and up to which day something can have slipped in it.
pub(super) struct Span {
    pub(super) starts_on: Day,
    pub(super) due_to: Day,
    pub(super) starts_at: Timestamp,
    pub(super) ends_at: Timestamp,
}

/// A draft on the period, as the owner's calendar in `zone` has it at `now`.
pub async fn draft(
    mut tx: Tx,
    owner: Uuid,
    reflection_type: Kind,
    period: Period,
    zone: &TimeZone,
    now: Timestamp,
) -> base::Result<Draft> {
    let today = Day::nearest(now.to_zoned(zone.clone()).date());
    let span = Span {
        starts_on: period.starts_on,
        due_to: period.ends_on.min(today),
        starts_at: beginning(period.starts_on.date(), zone)?,
        ends_at: beginning(period.ends_on.date().tomorrow().map_err(base::Error::internal)?, zone)?,
    };
    let done = lines::list_done(&mut tx, owner, &span, LINES_MAX).await?;
    let slipped = lines::list_slipped(&mut tx, owner, &span, LINES_MAX).await?;
    let moved = lines::list_moved(&mut tx, owner, &span, LINES_MAX).await?;
    let goals = goal::list_within(&mut tx, owner, period.starts_on, period.ends_on, LINES_MAX).await?;
    tx.commit().await?;
    let counts = Counts { done: total(&done), slipped: total(&slipped), moved: total(&moved) };
    let mut draft = Draft {
        reflection_type,
        period,
        time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        done: done.iter().map(TaskLine::from_row).collect(),
        slipped: slipped.iter().map(TaskLine::from_row).collect(),
        moved: moved.iter().map(MovedTask::from_row).collect(),
        goals: goals.into_iter().map(GoalLine::of).collect(),
        counts,
        markdown: String::new(),
    };
    draft.markdown = markdown::write(&draft, zone);
    Ok(draft)
}

/// When a day begins, which is not always midnight.
fn beginning(date: jiff::civil::Date, zone: &TimeZone) -> base::Result<Timestamp> {
    Ok(date.to_zoned(zone.clone()).map_err(base::Error::internal)?.timestamp())
}

fn total(rows: &[Row]) -> i64 {
    rows.first().map_or(0, |row| row.get("total"))
}

impl TaskLine {
    fn from_row(row: &Row) -> Self {
        Self {
            task_id: row.get("task_id"),
            occurrence_id: row.get("occurrence_id"),
            title: row.get("title"),
            goal_id: row.get("goal_id"),
            due_date: row.get::<_, Option<_>>("due_date").map(Day::kept),
            completed_at: row.get("completed_at"),
        }
    }
}

impl MovedTask {
    fn from_row(row: &Row) -> Self {
        Self {
            task_id: row.get("task_id"),
            occurrence_id: row.get("occurrence_id"),
            title: row.get("title"),
            goal_id: row.get("goal_id"),
            from: Day::kept(row.get("moved_from")),
            to: row.get::<_, Option<_>>("moved_to").map(Day::kept),
        }
    }
}

impl GoalLine {
    fn of(goal: Goal) -> Self {
        Self {
            goal_id: goal.id,
            title: goal.title,
            timeframe: goal.timeframe,
            status: goal.status,
            progress: goal.progress,
            progress_source: goal.progress_source,
        }
    }
}
