//! `erase_user`: deletes a user with every trace, as they asked.
//!
//! Whatever lies outside of the database goes first, one step after another, since the database knows where it lies;
//! the rows go last. A step may find its work done already, so that an erasure which was cut off anywhere is begun anew:
//!
//! 1. [`erasure::begin`]: most of the rows, where there are many.
//! 2. [`erasure::complete`]: the rest of them, the verification, and the receipt.

use base::Result;
use domain::erasure;
use domain::outbox::Entry;

use crate::App;

/// Takes all steps, if the user asked for it. An entry that somebody else added erases nobody.
pub(crate) async fn erase_user(app: &App, entry: &Entry) -> Result<()> {
    let owner = entry.user_id;
    if !erasure::is_requested(app.db.as_service().await?, owner).await? {
        return Ok(());
    }
    let group = app.clock.new_id();
    while erasure::begin(app.db.as_job(owner, group).await?, owner).await? {}
    let tx = app.db.as_job(owner, group).await?;
    let counts = erasure::complete(tx, owner, app.clock.now()).await?;
    tracing::info!(?counts, "erased a user");
    Ok(())
}
