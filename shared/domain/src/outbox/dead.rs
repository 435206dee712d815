//! Entries that were given up, for the people who look after the program.

use base::db::Tx;
use base::params;
use jiff::Timestamp;
use tokio_postgres::Error;
use uuid::Uuid;

/// An entry that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadEntry {
    /// The entry.
    pub id: i64,
    /// Whose it is.
    pub user_id: Uuid,
    /// What it asked for.
    pub kind: String,
    /// How often it was tried.
    pub attempts: i16,
    /// When it was given up.
    pub dead_at: Timestamp,
    /// What the last attempt failed of.
    pub last_error: String,
}

/// The newest entries that were given up, in a transaction of the service's.
pub async fn list_dead(tx: Tx, limit: i64) -> Result<Vec<DeadEntry>, Error> {
    let sql = "select id, user_id, kind, attempts, dead_at, coalesce(last_error, '') as last_error from outbox
               where dead_at is not null order by dead_at desc limit $1";
    let rows = tx.query_and_commit(sql, params![limit]).await?;
    let entry = |row: &tokio_postgres::Row| DeadEntry {
        id: row.get("id"),
        user_id: row.get("user_id"),
        kind: row.get("kind"),
        attempts: row.get("attempts"),
        dead_at: row.get("dead_at"),
        last_error: row.get("last_error"),
    };
    Ok(rows.iter().map(entry).collect())
}

/// Gives an entry that was given up all its attempts again, as the first of its user's that are not delivered; what
/// came behind it has gone on without it. False when there is no such entry, or a newer one does its work.
pub async fn retry_dead(mut tx: Tx, id: i64, now: Timestamp) -> Result<bool, Error> {
    let hold = "select l.user_id from outbox_lanes l join outbox o on o.user_id = l.user_id
                where o.id = $1 and o.dead_at is not null for update of l";
    let Some(lane) = tx.query_opt(hold, params![id]).await? else { return Ok(false) };
    let owner: Uuid = lane.get("user_id");
    let revive = "update outbox o set dead_at = null, attempts = 0
                  where id = $1 and dead_at is not null and not (is_single and exists (
                      select from outbox w where w.user_id = o.user_id and w.kind = o.kind and w.is_single
                        and w.delivered_at is null and w.dead_at is null))";
    if tx.execute(revive, params![id]).await? == 0 {
        return Ok(false);
    }
    // A lane that somebody holds, or that waits after a failure, keeps its time.
    let open = "update outbox_lanes set due_at = coalesce(due_at, $2) where user_id = $1";
    tx.execute_and_commit(open, params![owner, now]).await?;
    Ok(true)
}
