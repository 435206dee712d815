//! Occurrences in the order in which they are due.

use base::db::Tx;
use base::{Error, Result, params};
use jiff::civil::{Date, Time};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{COLUMNS, HORIZON, HORIZON_MAX, Occurrence};
use crate::field::Priority;
use crate::period::Day;
use crate::recurrence::Recurrence;

/// The most rows of a list.
pub const LIST_LIMIT_MAX: i64 = 1_000;
/// How many rows a list has when the client does not say.
pub const LIST_LIMIT_DEFAULT: i64 = 200;
/// The longest window, in days: a leap year.
pub const WINDOW_DAYS_MAX: i32 = 366;
/// How many days a window has when the client does not say.
const WINDOW_DAYS_DEFAULT: i32 = 30;

/// Which occurrences are wanted.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The first day, by default today.
    #[param(inline)]
    from: Option<Day>,
    /// The last day, at most 366 days on; by default 30 days on. Occurrences are made up to a year from now.
    #[param(inline)]
    to: Option<Day>,
    /// How many rows, 1 to 1,000.
    #[param(minimum = 1, maximum = 1000, default = 200)]
    limit: Option<i64>,
    /// Rows that come after this one: an id from the list.
    after: Option<Uuid>,
}

/// The part of the calendar that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: Day,
    to: Day,
    limit: i64,
    after: Option<Uuid>,
}

impl Query {
    /// Whether `today` decides where the window is.
    pub fn needs_today(&self) -> bool {
        self.from.is_none()
    }

    /// The window, with the defaults for what was left out.
    ///
    /// # Errors
    ///
    /// 422 for a window that is longer than [`WINDOW_DAYS_MAX`] or ends before it begins, and for a limit out of bounds.
    pub fn window(&self, today: Date) -> Result<Window> {
        let from = self.from.unwrap_or(Day::nearest(today));
        let later = |days: i32| Day::nearest(from.date().saturating_add(days.days()));
        let to = self.to.unwrap_or(later(WINDOW_DAYS_DEFAULT));
        if to < from || to > later(WINDOW_DAYS_MAX) {
            return Err(Error::invalid("to", format!("Give a day within {WINDOW_DAYS_MAX} days from the first.")));
        }
        let limit = self.limit.unwrap_or(LIST_LIMIT_DEFAULT);
        if !(1..=LIST_LIMIT_MAX).contains(&limit) {
            return Err(Error::invalid("limit", format!("Give a number from 1 to {LIST_LIMIT_MAX}.")));
        }
        Ok(Window { from, to, limit, after: self.after })
    }
}

impl Window {
    /// How far occurrences must be made for it to be whole, which is at most [`HORIZON_MAX`] from now.
    pub fn reach(&self, recurrence: &Recurrence, now: Timestamp) -> Timestamp {
        let end = self.to.date().tomorrow().unwrap_or(self.to.date());
        let end = recurrence.time_zone.instant(end.to_datetime(Time::midnight()));
        end.min(now.saturating_add(HORIZON_MAX).unwrap_or(end))
    }

    /// Whether a recurrence's occurrences must be made further for it.
    pub fn is_beyond(&self, recurrence: &Recurrence, now: Timestamp) -> bool {
        // An absence of readers and jobs alike is made good here, too.
        let least = now.saturating_add(HORIZON / 3).unwrap_or(now);
        let wanted = self.reach(recurrence, now);
        recurrence.materialized_until.is_none_or(|reached| reached < wanted || reached < least)
    }

    /// How many rows there are to be.
    pub fn limit(&self) -> usize {
        usize::try_from(self.limit).unwrap_or_default()
    }
}

/// What an occurrence shows of its task.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TaskGlance {
    /// What is to be done, where the occurrence does not say otherwise.
    pub title: String,
    /// How much it matters, where the occurrence does not say otherwise.
    pub priority: Priority,
    /// How long it should take, in minutes, where the occurrence does not say otherwise.
    pub estimate_minutes: Option<i32>,
}

/// An occurrence, and what it has of its task.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = OccurrenceWithTask)]
pub struct WithTask {
    /// The occurrence.
    #[serde(flatten)]
    pub occurrence: Occurrence,
    /// What it has of its task.
    pub task: TaskGlance,
}

impl WithTask {
    fn from_row(row: &Row) -> Self {
        Self {
            occurrence: Occurrence::from_row(row),
            task: TaskGlance {
                title: row.get("task_title"),
                priority: Priority::from_name(row.get("task_priority")),
                estimate_minutes: row.get("task_estimate_minutes"),
            },
        }
    }
}

/// The occurrences that are due in a window, earliest first: of one task, or of all. One row more than the window's
/// limit tells that others follow. Open ones whose series is gone are left out.
pub async fn list(tx: &mut Tx, owner: Uuid, task_id: Option<Uuid>, window: &Window) -> Result<Vec<WithTask>> {
    let of_task = if task_id.is_some() { "and o.task_id = $6" } else { "and $6::uuid is null" };
    let after = "and (o.due_date, o.starts_at, o.id)
        > (select p.due_date, p.starts_at, p.id from occurrences p where p.user_id = $1 and p.id = $5)";
    let after = if window.after.is_some() { after } else { "and $5::uuid is null" };
    let sql = format!(
        "select {COLUMNS}, t.title as task_title, t.priority as task_priority,
             t.estimate_minutes as task_estimate_minutes
         from occurrences o join tasks t on t.user_id = $1 and t.id = o.task_id
         where o.user_id = $1 and o.due_date between $2 and $3 {of_task} {after}
           and (o.status not in ('pending', 'in_progress')
                or exists (select from recurrences r where r.user_id = $1 and r.task_id = o.task_id))
         order by o.due_date, o.starts_at, o.id limit $4"
    );
    let (from, to) = (window.from.date(), window.to.date());
    let rows = tx.query(&sql, params![owner, from, to, window.limit + 1, window.after, task_id]).await?;
    Ok(rows.iter().map(WithTask::from_row).collect())
}
