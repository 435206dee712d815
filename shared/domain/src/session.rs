//! Sessions of the built-in issuer, as far as jobs deal with them.

use base::db::Tx;
use base::params;
use jiff::Timestamp;
use tokio_postgres::Error;

/// The most sessions of either kind that one statement deletes.
const PRUNED_AT_ONCE: i64 = 1_000;

/// Deletes sessions that ended or ran out before this time, at most two thousand of them, in a transaction of the
/// service's; gives how many.
pub async fn prune(tx: Tx, before: Timestamp) -> Result<u64, Error> {
    let sql = "delete from sessions where id in (
                   (select id from sessions where ended_at < $1 order by ended_at limit $2) union
                   (select id from sessions where expires_at < $1 order by expires_at limit $2))";
    tx.execute_and_commit(sql, params![before, PRUNED_AT_ONCE]).await
}
