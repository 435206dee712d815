//! What an occurrence says for itself, when an edit reaches further than it.

use base::db::Tx;
use base::{Error, Result, params};
use jiff::Timestamp;
use uuid::Uuid;

use super::change::{Change, Scope, change_this};
use super::{COLUMNS, Occurrence, Status};
use crate::field::{Prose, Title};
use crate::recurrence::Recurrence;
use crate::task::{DueTime, EstimateMinutes};

/// Gives the occurrence that was made in the place of the edited one what that one had of its own and the edit is not
/// about.
pub(super) async fn carry_over(
    tx: &mut Tx,
    owner: Uuid,
    recurrence: &Recurrence,
    from: &Occurrence,
    to: Occurrence,
    change: &Change,
    now: Timestamp,
) -> Result<Occurrence> {
    if !from.status.is_open() {
        return Ok(to);
    }
    let to = if from.status == Status::Pending {
        to
    } else {
        let sql = format!("update occurrences o set status = $3 where user_id = $1 and id = $2 returning {COLUMNS}");
        Occurrence::from_row(&tx.query_one(&sql, params![owner, to.id, from.status.name()]).await?)
    };
    let text = |error: &'static str| Error::internal(format!("what is kept is {error}"));
    let title = from.title.clone().map(Title::try_from).transpose().map_err(text)?;
    let description = from.description.clone().map(Prose::try_from).transpose().map_err(text)?;
    let estimate = from.estimate_minutes.and_then(|minutes| EstimateMinutes::try_from(i64::from(minutes)).ok());
    let own = Change {
        scope: Scope::This,
        title: change.title.is_none().then_some(title),
        description: change.description.is_none().then_some(description),
        priority: change.priority.is_none().then_some(from.priority),
        estimate_minutes: change.estimate_minutes.is_none().then_some(estimate),
        due_date: None,
        due_time: None,
    };
    let place =
        (change.place(from).is_none() && from.moved).then(|| (from.due_date.date(), from.due_time.map(DueTime::time)));
    change_this(tx, owner, recurrence, &to, &own, place, now).await
}

/// What is said of more than this occurrence holds for this one, too: what it said itself goes.
pub(super) async fn clear_overrides(
    tx: &mut Tx,
    owner: Uuid,
    occurrence: &Occurrence,
    change: &Change,
    now: Timestamp,
) -> Result<()> {
    let sql = "update occurrences o
               set title = case when $3 then null else title end,
                   description = case when $4 then null else description end,
                   priority = case when $5 then null else priority end,
                   estimate_minutes = case when $6 then null else estimate_minutes end, updated_at = $7
               where user_id = $1 and id = $2
                 and (title is not null and $3 or description is not null and $4
                      or priority is not null and $5 or estimate_minutes is not null and $6)";
    let (title, description) = (change.title.is_some(), change.description.is_some());
    let (priority, estimate) = (change.priority.is_some(), change.estimate_minutes.is_some());
    tx.execute(sql, params![owner, occurrence.id, title, description, priority, estimate, now]).await?;
    Ok(())
}
