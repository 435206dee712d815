//! `tend_recurrences`: makes the occurrences that the calendar has reached, and deals with those that were missed.

use base::Result;
use domain::outbox::{self, Entry, Kind};
use domain::recurrence;

use crate::App;

/// How many users one sweep puts into the outbox. Those who are left are the next sweep's.
const OWNERS_MAX: i64 = 10_000;

/// Puts the users whose recurring tasks need attention into the outbox, but for those who wait there; gives how many.
pub(crate) async fn enqueue(app: &App) -> Result<u64> {
    let mut tx = app.db.as_service().await?;
    let owners = recurrence::owners_to_tend(&mut tx, app.clock.now(), OWNERS_MAX).await?;
    let added = outbox::add_single_to_each(&mut tx, owners, Kind::TendRecurrences).await?;
    tx.commit().await?;
    Ok(added)
}

/// Tends to one user's recurring tasks. What was tended to needs nothing when it is tended to again.
pub(crate) async fn tend_recurrences(app: &App, entry: &Entry) -> Result<()> {
    let owner = entry.user_id;
    let mut tx = app.db.as_job(owner, app.clock.new_id()).await?;
    let tended = recurrence::tend(&mut tx, owner, app.clock.now()).await?;
    tx.commit().await?;
    tracing::info!(user_id = %owner, ?tended, "recurring tasks were tended to");
    Ok(())
}
