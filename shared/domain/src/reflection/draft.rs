//! A draft of a reflection, out of what really happened in its period.

use base::db::Tx;
use base::params;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Kind, Period, markdown};
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
    /// The tasks that were completed, in that order, at most 200.
    pub done: Vec<TaskLine>,
    /// The tasks that were due, up to today, and not completed by the end of the period, the longest due first, at most
    /// 200. One that was completed later tells when.
    pub slipped: Vec<TaskLine>,
    /// The tasks whose due date was changed and is another than before, the latest change first, at most 200.
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

/// A task that was completed, or was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReflectionTask)]
pub struct TaskLine {
    /// The task.
    pub task_id: Uuid,
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

/// A task that was put off, or brought forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReflectionMovedTask)]
pub struct MovedTask {
    /// The task.
    pub task_id: Uuid,
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
struct Span {
    starts_on: Day,
    due_to: Day,
    starts_at: Timestamp,
    ends_at: Timestamp,
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
    let done = list_done(&mut tx, owner, &span).await?;
    let slipped = list_slipped(&mut tx, owner, &span).await?;
    let moved = list_moved(&mut tx, owner, &span).await?;
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

async fn list_done(tx: &mut Tx, owner: Uuid, span: &Span) -> Result<Vec<Row>, Error> {
    let sql = "select id, title, goal_id, due_date, completed_at, count(*) over () as total from tasks
         where user_id = $1 and status = 'done' and completed_at >= $2 and completed_at < $3
         order by completed_at, id limit $4";
    tx.query(sql, params![owner, span.starts_at, span.ends_at, LINES_MAX]).await
}

async fn list_slipped(tx: &mut Tx, owner: Uuid, span: &Span) -> Result<Vec<Row>, Error> {
    let sql = "select id, title, goal_id, due_date, completed_at, count(*) over () as total from tasks
         where user_id = $1 and due_date between $2 and $3
           and (status in ('pending', 'in_progress') or (status = 'done' and completed_at >= $4))
         order by due_order, id limit $5";
    let (from, to) = (span.starts_on.date(), span.due_to.date());
    tx.query(sql, params![owner, from, to, span.ends_at, LINES_MAX]).await
}

/// The change log has the images of a task before and after each change. The time of a change is that of the
/// later image, since undoing puts an earlier one back. A task that changed since the period began says so itself,
/// which spares looking through the log of all others.
async fn list_moved(tx: &mut Tx, owner: Uuid, span: &Span) -> Result<Vec<Row>, Error> {
    let sql = "select t.id, t.title, t.goal_id, m.moved_from, m.moved_to, count(*) over () as total
         from tasks t
         cross join lateral (
             select (array_agg(c.before ->> 'due_date' order by c.seq)
                     filter (where c.before ->> 'due_date' is not null))[1]::date as moved_from,
                    (array_agg(c.after ->> 'due_date' order by c.seq desc))[1]::date as moved_to,
                    max(c.seq) as seq
             from changes c
             where c.user_id = $1 and c.entity = 'task' and c.entity_id = t.id and c.operation = 'update'
               and c.before ->> 'due_date' is distinct from c.after ->> 'due_date'
               and greatest((c.before ->> 'updated_at')::timestamptz, (c.after ->> 'updated_at')::timestamptz) >= $2
               and greatest((c.before ->> 'updated_at')::timestamptz, (c.after ->> 'updated_at')::timestamptz) < $3
         ) m
         where t.user_id = $1 and t.updated_at >= $2 and m.moved_from is not null and m.moved_from is distinct from m.moved_to
         order by m.seq desc limit $4";
    tx.query(sql, params![owner, span.starts_at, span.ends_at, LINES_MAX]).await
}

impl TaskLine {
    fn from_row(row: &Row) -> Self {
        Self {
            task_id: row.get("id"),
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
            task_id: row.get("id"),
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
