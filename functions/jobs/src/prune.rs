//! Deletes what is kept for a time only, in small transactions, so that nobody waits for it.

use std::time::{Duration, Instant};

use base::{Result, idempotency};
use domain::{erasure, outbox};

use crate::App;

/// How long delivered entries are kept, for looking back.
const DELIVERED_KEPT: Duration = Duration::from_hours(7 * 24);

/// Runs until nothing is left to delete, or until this time, and gives how many rows it deleted.
pub(crate) async fn prune(app: &App, until: Instant) -> Result<u64> {
    let delivered_before = app.clock.now() - DELIVERED_KEPT;
    let entries =
        in_batches(until, || async { Ok(outbox::prune(app.db.as_service().await?, delivered_before).await?) });
    let entries = entries.await?;
    let keys = in_batches(until, || async { idempotency::prune(app.db.as_service().await?).await }).await?;
    let now = app.clock.now();
    let subjects = in_batches(until, || async { Ok(erasure::prune(app.db.as_service().await?, now).await?) }).await?;
    tracing::info!(entries, keys, subjects, "pruned");
    Ok(entries + keys + subjects)
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
