//! Deletes what is kept for a time only, in small transactions, so that nobody waits for it.

use std::time::{Duration, Instant};

use base::{Result, idempotency};
use domain::conversation::share;
use domain::{erasure, outbox, session};
use jiff::Timestamp;

use crate::App;

/// How long delivered entries are kept, for looking back.
const DELIVERED_KEPT: Duration = Duration::from_hours(7 * 24);
/// How long entries that were given up are kept, for somebody to look at and try again.
const GIVEN_UP_KEPT: Duration = Duration::from_hours(90 * 24);
/// How long sessions are kept after they have ended or run out. No token of theirs is younger than that.
const SESSIONS_KEPT: Duration = Duration::from_hours(30 * 24);
/// How long links to conversations are shown to their owners after they have ended.
const ENDED_LINKS_KEPT: Duration = Duration::from_hours(30 * 24);
/// How many links are looked at for their owners at once.
const LINKS_AT_ONCE: i64 = 100;

/// Runs until nothing is left to delete, or until this time, and gives how many rows it deleted.
pub(crate) async fn prune(app: &App, until: Instant) -> Result<u64> {
    let (db, now) = (&app.db, app.clock.now());
    let entries = || async { Ok(outbox::prune_delivered(db.as_service().await?, now - DELIVERED_KEPT).await?) };
    let entries = in_batches(until, entries).await?;
    let given_up = || async { Ok(outbox::prune_dead(db.as_service().await?, now - GIVEN_UP_KEPT).await?) };
    let given_up = in_batches(until, given_up).await?;
    let sessions = || async { Ok(session::prune(db.as_service().await?, now - SESSIONS_KEPT).await?) };
    let sessions = in_batches(until, sessions).await?;
    let keys = in_batches(until, || async { idempotency::prune(db.as_service().await?).await }).await?;
    let subjects = in_batches(until, || async { Ok(erasure::prune(db.as_service().await?, now).await?) }).await?;
    let links = in_batches(until, || ended_links(app, now - ENDED_LINKS_KEPT)).await?;
    tracing::info!(entries, given_up, sessions, keys, subjects, links, "pruned");
    Ok(entries + given_up + sessions + keys + subjects + links)
}

/// Deletes links that ended before this time, owner by owner, since it is in the owners' change logs.
async fn ended_links(app: &App, before: Timestamp) -> Result<u64> {
    let mut deleted = 0;
    for owner in share::owners_of_ended(app.db.as_service().await?, before, LINKS_AT_ONCE).await? {
        let tx = app.db.as_job(owner, app.clock.new_id()).await?;
        deleted += share::delete_ended(tx, owner, before).await?;
    }
    Ok(deleted)
}

/// Deletes batch after batch, until one is empty.
async fn in_batches<F: Future<Output = Result<u64>>>(until: Instant, delete: impl Fn() -> F) -> Result<u64> {
    let mut total = 0;
    while Instant::now() < until {
        let deleted = delete().await?;
        total += deleted;
        if deleted == 0 {
            break;
        }
    }
    Ok(total)
}
