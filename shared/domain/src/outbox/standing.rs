//! How the outbox stands: who waits, for how long, and how much was given up.

use std::time::Duration;

use base::db::Tx;
use base::params;
use jiff::Timestamp;
use tokio_postgres::Error;
use uuid::Uuid;

/// How the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How long the lane that is due first has been due, of those that nobody holds; none when nothing is due.
    pub waiting: Option<Duration>,
    /// How many entries were given up and are still there.
    pub given_up: u64,
}

/// How the outbox stands at this time, in a transaction of the service's.
pub async fn standing(tx: Tx, now: Timestamp) -> Result<Standing, Error> {
    let sql = "select (select min(due_at) from outbox_lanes where due_at <= $1) as due_at,
                      (select count(*) from outbox where dead_at is not null) as given_up";
    let rows = tx.repeatable().query_and_commit(sql, params![now]).await?;
    let due_at: Option<Timestamp> = rows.first().and_then(|row| row.get("due_at"));
    let given_up: i64 = rows.first().map_or(0, |row| row.get("given_up"));
    Ok(Standing {
        waiting: due_at.map(|due_at| now.duration_since(due_at).unsigned_abs()),
        given_up: u64::try_from(given_up).unwrap_or_default(),
    })
}

/// The owners whose lanes are due, those who wait longest first, in a transaction of the service's. Nothing is taken.
pub async fn owners_due(tx: Tx, now: Timestamp, limit: i64) -> Result<Vec<Uuid>, Error> {
    let sql = "select user_id from outbox_lanes where due_at <= greatest($1, now()) order by due_at limit $2";
    let rows = tx.repeatable().query_and_commit(sql, params![now, limit]).await?;
    Ok(rows.iter().map(|row| row.get("user_id")).collect())
}
