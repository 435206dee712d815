//! Completing, skipping and reopening one occurrence, and what follows for its task.

use base::db::Tx;
use base::{Error, Result, params};
use jiff::Timestamp;
use uuid::Uuid;

use super::{COLUMNS, IS_PLAIN, Occurrence, Status, show_next};
use crate::recurrence::{self, CountsFrom, Recurrence};
use crate::task::{self, Task};

/// Says how far an occurrence is. Completing or skipping the last one of a series that has ended completes the task;
/// opening it again opens the task. What counts from completion gets its next occurrence when this one ends, and
/// loses it when this one is opened again.
///
/// # Errors
///
/// 409 `next_begun` when an occurrence is opened again whose next one was begun, moved or changed.
pub async fn set_status(
    tx: &mut Tx,
    owner: Uuid,
    task: &Task,
    occurrence: Occurrence,
    status: Status,
    now: Timestamp,
) -> Result<Occurrence> {
    if occurrence.status == status {
        return Ok(occurrence);
    }
    let recurrence = recurrence::find(tx, owner, task.id).await?;
    let by_completion = recurrence.as_ref().is_some_and(|recurrence| recurrence.counts_from == CountsFrom::Completion);
    let reopens = status.is_open() && !occurrence.status.is_open();
    if reopens && by_completion {
        take_next_back(tx, owner, &occurrence).await?;
    }
    let sql = format!(
        "update occurrences o set status = $3, completed_at = case when $3 = 'done' then $4::timestamptz end,
             updated_at = $4
         where o.user_id = $1 and o.id = $2 returning {COLUMNS}"
    );
    let row = tx.query_one(&sql, params![owner, occurrence.id, status.name(), now]).await?;
    let changed = Occurrence::from_row(&row);
    let Some(recurrence) = recurrence else { return Ok(changed) };
    if reopens && task.status == task::Status::Done {
        task::set_status(tx, owner, vec![task.clone()], task::Status::Pending, now).await?;
    }
    if !status.is_open() && task.status.is_open() {
        if by_completion {
            show_next(tx, owner, &recurrence, None, now).await?;
        }
        finish_if_over(tx, owner, &recurrence, now).await?;
    }
    Ok(changed)
}

/// Takes back the occurrence that came because this one had ended.
async fn take_next_back(tx: &mut Tx, owner: Uuid, occurrence: &Occurrence) -> Result<()> {
    let sql = format!(
        "delete from occurrences o
         where o.user_id = $1 and o.task_id = $2 and o.original_start > $3 and {IS_PLAIN}"
    );
    tx.execute(&sql, params![owner, occurrence.task_id, occurrence.original_start]).await?;
    let sql = "select from occurrences where user_id = $1 and task_id = $2 and status in ('pending', 'in_progress')";
    if tx.query_opt(sql, params![owner, occurrence.task_id]).await?.is_some() {
        return Err(Error::conflict("next_begun", "The next occurrence was already begun, moved or changed."));
    }
    Ok(())
}

/// Completes the task of a series that has ended with nothing left open.
pub async fn finish_if_over(tx: &mut Tx, owner: Uuid, recurrence: &Recurrence, now: Timestamp) -> Result<()> {
    let sql = "select exists (select from occurrences
                   where user_id = $1 and task_id = $2 and status in ('pending', 'in_progress'))";
    if tx.query_one(sql, params![owner, recurrence.task_id]).await?.get(0) {
        return Ok(());
    }
    if recurrence.counts_from == CountsFrom::Schedule {
        // As this transaction has it now: it may have made more.
        let sql = "select materialized_until from recurrences where user_id = $1 and id = $2";
        let row = tx.query_opt(sql, params![owner, recurrence.id]).await?;
        let reached: Option<Timestamp> = row.and_then(|row| row.get(0));
        let since = recurrence.time_zone.instant(recurrence.since);
        if recurrence.series().instances_from(reached.unwrap_or(since)).next().is_some() {
            return Ok(());
        }
    }
    if let Some(task) = task::find(tx, owner, recurrence.task_id).await?.filter(|task| task.status.is_open()) {
        task::set_status(tx, owner, vec![task], task::Status::Done, now).await?;
    }
    Ok(())
}
