//! Taking entries to deliver them, and noting what became of them.
//!
//! A worker takes the lane of the user who waits longest, for a bounded time, and with it that user's oldest entry.
//! Nobody else gets an entry of this user until the worker has settled, or its time is over. Taking and settling are
//! short transactions; what lies between them is none.

use base::db::Tx;
use base::params;
use jiff::Timestamp;
use tokio_postgres::Error;
use uuid::Uuid;

use super::Entry;

/// An entry in the hands of one worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// What to deliver.
    pub entry: Entry,
    /// Tells this claim from all others of the same entry.
    token: Uuid,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// It is done.
    Delivered,
    /// It failed and is due again at this time, with a reason that tells no secret.
    Failed {
        /// When to try again.
        due_at: Timestamp,
        /// Why it failed.
        reason: String,
    },
    /// It is given up, and the entries behind it go on.
    Dead {
        /// Why it failed.
        reason: String,
    },
    /// It was not tried to the end, and somebody else may do it at once. The attempt does not count.
    Released,
}

/// The longest reason that is kept, in characters.
const REASON_CHARS_MAX: usize = 1_000;

/// Takes the oldest entry of the user whose turn it is, until `until`. `token` is new. None when nothing is due.
pub async fn claim(mut tx: Tx, token: Uuid, now: Timestamp, until: Timestamp) -> Result<Option<Claim>, Error> {
    // What was due when it was committed is due now, even where this clock is behind that of the database.
    let take = "update outbox_lanes set due_at = $2, claim = $3 where user_id =
                (select user_id from outbox_lanes where due_at <= greatest($1, now())
                 order by due_at limit 1 for update skip locked)
                returning user_id";
    while let Some(lane) = tx.query_opt(take, params![now, until, token]).await? {
        if let Some(entry) = take_oldest(&mut tx, lane.get("user_id")).await? {
            tx.commit().await?;
            return Ok(Some(Claim { entry, token }));
        }
    }
    tx.commit().await?;
    Ok(None)
}

/// The same for one user only. None, too, when somebody else delivers this user's entries, or the oldest must wait.
pub async fn claim_of(
    mut tx: Tx,
    owner: Uuid,
    token: Uuid,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Claim>, Error> {
    // It waits for whoever is about to add an entry or to give the lane back: nobody may come by again.
    let take = "update outbox_lanes set due_at = $2, claim = $3
                where user_id = $4 and due_at <= greatest($1, now()) returning user_id";
    let entry = match tx.query_opt(take, params![now, until, token, owner]).await? {
        Some(_lane) => take_oldest(&mut tx, owner).await?,
        None => None,
    };
    tx.commit().await?;
    Ok(entry.map(|entry| Claim { entry, token }))
}

/// Begins the oldest entry of a lane that was just taken. Where there is none, as all were deleted, the lane is closed.
async fn take_oldest(tx: &mut Tx, owner: Uuid) -> Result<Option<Entry>, Error> {
    // A statement of its own, because it must see what the lane's last holder committed.
    let oldest = "update outbox set attempts = attempts + 1 where id =
                  (select id from outbox where user_id = $1 and delivered_at is null and dead_at is null
                   order by user_id, id limit 1)
                  returning id, user_id, kind, payload, attempts";
    if let Some(row) = tx.query_opt(oldest, params![owner]).await? {
        return Ok(Some(Entry {
            id: row.get("id"),
            user_id: row.get("user_id"),
            kind: row.get("kind"),
            payload: row.get("payload"),
            attempt: row.get("attempts"),
        }));
    }
    let close = "update outbox_lanes set due_at = null, claim = null where user_id = $1";
    tx.execute(close, params![owner]).await?;
    Ok(None)
}

/// Notes what became of a claim and gives the lane back, behind those of the other users. False when the claim is no
/// longer this worker's, or its user is gone: then nothing is noted.
pub async fn settle(mut tx: Tx, claim: &Claim, settlement: Settlement, now: Timestamp) -> Result<bool, Error> {
    let (owner, id) = (claim.entry.user_id, claim.entry.id);
    let hold = "select from outbox_lanes where user_id = $1 and claim = $2 for update";
    if tx.query_opt(hold, params![owner, claim.token]).await?.is_none() {
        return Ok(false);
    }
    let note = match settlement {
        Settlement::Delivered => Note { delivered: true, ..Note::default() },
        Settlement::Failed { due_at, reason } => {
            Note { due_at: Some(due_at), reason: Some(shortened(&reason)), ..Note::default() }
        }
        Settlement::Dead { reason } => Note { dead: true, reason: Some(shortened(&reason)), ..Note::default() },
        Settlement::Released => Note { due_at: Some(now), attempts_back: 1, ..Note::default() },
    };
    // A statement of its own: a writer may have added an entry while this one waited for the lane.
    let sql = "with noted as (
                   update outbox set attempts = attempts - $4,
                       delivered_at = case when $5 then clock_timestamp() end,
                       dead_at = case when $6 then clock_timestamp() end,
                       last_error = coalesce($7, last_error)
                   where id = $2 and user_id = $1
               )
               update outbox_lanes set claim = null, due_at = coalesce($3, (
                   select $8::timestamptz from outbox
                   where user_id = $1 and id <> $2 and delivered_at is null and dead_at is null limit 1))
               where user_id = $1";
    let noted = params![owner, id, note.due_at, note.attempts_back, note.delivered, note.dead, note.reason, now];
    tx.execute_and_commit(sql, noted).await?;
    Ok(true)
}

/// What a settlement changes.
#[derive(Default)]
struct Note {
    /// When the same entry is due again.
    due_at: Option<Timestamp>,
    attempts_back: i16,
    delivered: bool,
    dead: bool,
    reason: Option<String>,
}

fn shortened(reason: &str) -> String {
    reason.chars().take(REASON_CHARS_MAX).collect()
}
