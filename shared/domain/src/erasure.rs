//! Erasure: a user asks for it, a job deletes them with every trace, and a receipt tells them afterwards.
//!
//! An issuer that deletes a user is such a wish, too. What is deleted, and how it is verified, is `almanac.erase_user` in
//! `migrations/20261121000450_privacy.sql`, one transaction. Users who have much lose the most of it before, a bounded
//! number of rows at a time.
//!
//! The log records who asks to be erased and who was, whatever else it leaves out: when the database is restored from a
//! backup it does not know them any more, and they must be erased again.

use std::collections::BTreeMap;

use base::db::Tx;
use base::log::RECORD;
use base::params;
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Error;
use utoipa::ToSchema;
use uuid::Uuid;

/// How long deleting the rows of one user may take, in milliseconds: less than what a worker gives to an entry.
const ERASE_TIMEOUT_MS: u32 = 50_000;
/// How many rows of a table are deleted at once; those who have fewer lose everything in one transaction.
const ERASED_AT_ONCE: i32 = 5_000;
/// The most remembered subjects that one statement forgets.
const PRUNED_AT_ONCE: i64 = 1_000;

/// What became of the wish to be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// It will be done. The user is shut out from now on.
    Accepted,
    /// There is no such user any more.
    Unknown,
    /// The user is deactivated, as after having asked before.
    Deactivated,
    /// Administrators must first hand that over.
    Administrator,
}

/// What became of an erasure that must be done once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It will be done. The user is shut out from now on.
    Begun,
    /// The user waits to be erased already.
    Waiting,
    /// There is no such user.
    Gone,
}

/// An erasure, as whoever has its receipt sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Erasure {
    /// Whether it is done.
    pub status: Status,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
    /// When it was done and verified.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
    /// How many rows of each table were deleted; null until it is done.
    pub counts: Option<BTreeMap<String, i64>>,
}

/// How far an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The user is shut out, and everything is about to be deleted.
    Requested,
    /// Nothing of the user is left.
    Done,
}

/// Asks for a user's erasure, in a transaction without a user: shuts them out, ends their sessions, and leaves the rest to
/// the outbox. Of the receipt only the hash is kept.
pub async fn request(mut tx: Tx, owner: Uuid, id: Uuid, receipt_hash: &[u8], now: Timestamp) -> base::Result<Request> {
    let sql = "select outcome from almanac.request_erasure($1, $2, $3, $4)";
    let row = tx.query_one(sql, params![owner, id, receipt_hash, now]).await?;
    let request = match row.get("outcome") {
        "requested" => Request::Accepted,
        "unknown" => Request::Unknown,
        "deactivated" => Request::Deactivated,
        "administrator" => Request::Administrator,
        other => return Err(base::Error::internal(format!("request_erasure answered {other:?}"))),
    };
    if request == Request::Accepted {
        // The function has added the entry.
        tx.announce_after_commit(owner);
    }
    tx.commit().await?;
    if request == Request::Accepted {
        record(owner, "requested");
    }
    Ok(request)
}

/// Erases the user whom an issuer says to be deleted, in a transaction of the service's: like [`request`], whatever their
/// role or state, and the subject never comes back, also when it has no user here. Nobody gets a receipt, of which the
/// hash is kept all the same. Told again, it does nothing, but for an erasure that was given up, which begins anew.
pub async fn request_of_subject(
    mut tx: Tx,
    issuer: &str,
    subject: &str,
    id: Uuid,
    receipt_hash: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "select user_id from almanac.erase_subject($1, $2, $3, $4, $5)";
    let row = tx.query_opt(sql, params![issuer, subject, id, receipt_hash, now]).await?;
    let owner = row.map(|row| row.get("user_id"));
    if let Some(owner) = owner {
        tx.announce_after_commit(owner);
    }
    tx.commit().await?;
    if let Some(owner) = owner {
        record(owner, "requested");
    }
    Ok(())
}

/// Erases a user who is back from a backup that is older than their erasure, in a transaction of a job's for them: like
/// [`request_of_subject`], by their id.
pub async fn request_again(
    mut tx: Tx,
    owner: Uuid,
    id: Uuid,
    receipt_hash: &[u8],
    now: Timestamp,
) -> Result<Repeat, Error> {
    let sql = "select
                   exists (select from public.erasures e where e.user_id = u.id and e.completed_at is null) as is_requested,
                   exists (select from public.outbox o where o.user_id = u.id and o.kind = 'erase_user'
                           and o.delivered_at is null and o.dead_at is null) as is_due
               from public.users u where u.id = $1";
    let Some(row) = tx.query_opt(sql, params![owner]).await? else { return Ok(Repeat::Gone) };
    match (row.get("is_requested"), row.get("is_due")) {
        (true, true) => return Ok(Repeat::Waiting),
        // It was given up before the backup was made.
        (true, false) => {
            tx.execute("insert into public.outbox (user_id, kind) values ($1, 'erase_user')", params![owner]).await?;
        }
        (false, _) => {
            tx.query("select almanac.begin_erasure($1, $2, $3, $4)", params![owner, id, receipt_hash, now]).await?;
        }
    }
    tx.announce_after_commit(owner);
    tx.commit().await?;
    record(owner, "requested");
    Ok(Repeat::Begun)
}

/// The erasure whose receipt has this hash, in a transaction without a user.
pub async fn find(tx: Tx, receipt_hash: &[u8]) -> base::Result<Option<Erasure>> {
    let sql = "select requested_at, completed_at, counts from almanac.find_erasure($1)";
    let rows = tx.repeatable().query_and_commit(sql, params![receipt_hash]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let completed_at: Option<Timestamp> = row.get("completed_at");
    let counts: Option<serde_json::Value> = row.get("counts");
    Ok(Some(Erasure {
        status: if completed_at.is_some() { Status::Done } else { Status::Requested },
        requested_at: row.get("requested_at"),
        completed_at,
        counts: counts.map(serde_json::from_value).transpose().map_err(base::Error::internal)?,
    }))
}

/// Whether a user waits to be erased, in a transaction of the service's. Others must not be, whatever asks for it.
pub async fn is_requested(tx: Tx, owner: Uuid) -> Result<bool, Error> {
    let sql = "select from erasures where user_id = $1 and completed_at is null limit 1";
    Ok(!tx.repeatable().query_and_commit(sql, params![owner]).await?.is_empty())
}

/// Deletes some rows of a user who waits to be erased and has many, in a transaction of a job's; false when they have
/// few. Being cut off between two calls loses nothing.
pub async fn begin(tx: Tx, owner: Uuid) -> Result<bool, Error> {
    let sql = "select almanac.erase_some($1, $2) as count";
    let rows = tx.query_and_commit(sql, params![owner, ERASED_AT_ONCE]).await?;
    Ok(rows.first().is_some_and(|row| row.get::<_, i64>("count") > 0))
}

/// Deletes everything of a user in the database, verifies that nothing is left, and completes the receipt, in a
/// transaction of a job's that has not begun. Gives how many rows they had in each table; none when the user is gone
/// already.
///
/// # Errors
///
/// When something would be left, among others; then nothing was deleted.
pub async fn complete(mut tx: Tx, owner: Uuid, now: Timestamp) -> Result<Option<serde_json::Value>, Error> {
    let timeout = ERASE_TIMEOUT_MS.to_string();
    tx.query("select set_config('statement_timeout', $1, true)", params![timeout]).await?;
    let rows = tx.query_and_commit("select almanac.erase_user($1, $2) as counts", params![owner, now]).await?;
    record(owner, "done");
    Ok(rows.first().and_then(|row| row.get("counts")))
}

/// A line of the log that no filter leaves out.
fn record(user_id: Uuid, erasure: &'static str) {
    tracing::info!(target: RECORD, %user_id, erasure, "erasure");
}

/// Forgets subjects that are kept from coming back for a time only, at most a thousand of them; gives how many.
pub async fn prune(tx: Tx, now: Timestamp) -> Result<u64, Error> {
    let sql = "delete from deleted_identities where identity_hash in
               (select identity_hash from deleted_identities where expires_at <= $1 order by expires_at limit $2)";
    tx.execute_and_commit(sql, params![now, PRUNED_AT_ONCE]).await
}
