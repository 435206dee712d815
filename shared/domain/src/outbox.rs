//! The outbox: what has to happen because of a change, committed together with that change.
//!
//! [`add`] puts an entry into the transaction of the change. Workers deliver it afterwards, outside of any transaction
//! and at least once: a worker that dies after the deed and before it is noted leaves the entry to another, so
//! whoever handles an entry must be able to do so twice. [`Entry::id`] never changes and is what a vendor may be given to
//! recognise a repetition.
//!
//! Adding an entry also announces it, after the commit, where the database announces ([`base::Db::announcing`]).
//!
//! One user's entries are delivered in the order in which they were committed. An entry that fails waits, ever
//! longer, and those behind it wait with it; once it is given up they go on. Users do not wait for each other.

mod dead;
mod delivery;
mod standing;

use base::db::Tx;
use base::params;
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Error;
use uuid::Uuid;

pub use dead::{DeadEntry, list_dead, retry_dead};
pub use delivery::{Claim, Settlement, claim, claim_of, settle};
pub use standing::{Standing, owners_due, standing};

/// The most entries that one statement deletes.
const PRUNED_AT_ONCE: i64 = 1_000;

/// What an entry asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Delete the user with every trace. Only `almanac.request_erasure` adds it.
    EraseUser,
    /// Make the occurrences of recurring tasks that the calendar has reached, and deal with those that were missed.
    TendRecurrences,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::EraseUser, Self::TendRecurrences];

    /// The name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EraseUser => "erase_user",
            Self::TendRecurrences => "tend_recurrences",
        }
    }

    /// The kind of this name. A newer program may write kinds that this one does not know.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// An entry, as whoever handles it gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Greater than those of all entries of the user that were committed earlier.
    pub id: i64,
    /// Whose it is. Users may add entries of their own, so nothing in the payload may widen this.
    pub user_id: Uuid,
    /// The [`Kind`]'s name.
    pub kind: String,
    /// What the kind needs to know.
    pub payload: Value,
    /// How often it was begun, this time included.
    pub attempt: i16,
}

/// Adds an entry to a transaction of its owner's: a user's writer, or a job's. The payload is a JSON object of at most
/// 64 KiB and holds no secret.
///
/// # Errors
///
/// When the payload is something else, as a broken constraint; or the database's own.
pub async fn add(tx: &mut Tx, owner: Uuid, kind: Kind, payload: &Value) -> Result<(), Error> {
    let sql = "insert into outbox (user_id, kind, payload) values ($1, $2, $3)";
    tx.execute(sql, params![owner, kind.name(), payload]).await?;
    tx.announce_after_commit(owner);
    Ok(())
}

/// The same for work that need not be done twice: does nothing while an entry of this kind, added in this way, waits
/// for the same owner.
pub async fn add_single(tx: &mut Tx, owner: Uuid, kind: Kind, payload: &Value) -> Result<(), Error> {
    let sql = "insert into outbox (user_id, kind, payload, is_single) values ($1, $2, $3, true) on conflict do nothing";
    if tx.execute(sql, params![owner, kind.name(), payload]).await? > 0 {
        tx.announce_after_commit(owner);
    }
    Ok(())
}

/// [`add_single`] for many owners at once, with an empty payload, in a transaction of the service's. Gives how many
/// entries are new.
pub async fn add_single_to_each(tx: &mut Tx, owners: Vec<Uuid>, kind: Kind) -> Result<u64, Error> {
    // Locked in one order, so that two sweeps at once cannot wait for each other in circles.
    let sql = "insert into outbox (user_id, kind, is_single)
               select o.id, $2, true from unnest($1) as o (id) join users u on u.id = o.id order by o.id
               on conflict do nothing returning user_id";
    let added = tx.query(sql, params![owners, kind.name()]).await?;
    for row in &added {
        tx.announce_after_commit(row.get("user_id"));
    }
    Ok(u64::try_from(added.len()).unwrap_or(u64::MAX))
}

/// Deletes entries that were delivered before this time, at most a thousand of them; gives how many.
pub async fn prune_delivered(tx: Tx, before: Timestamp) -> Result<u64, Error> {
    let sql = "delete from outbox where id in
               (select id from outbox where delivered_at < $1 order by delivered_at limit $2)";
    tx.execute_and_commit(sql, params![before, PRUNED_AT_ONCE]).await
}

/// Deletes entries that were given up before this time, at most a thousand of them; gives how many.
pub async fn prune_dead(tx: Tx, before: Timestamp) -> Result<u64, Error> {
    let sql = "delete from outbox where id in
               (select id from outbox where dead_at < $1 order by dead_at limit $2)";
    tx.execute_and_commit(sql, params![before, PRUNED_AT_ONCE]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_names() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::from_name("unheard_of"), None);
    }
}
