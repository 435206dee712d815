//! Who handles which kind of entry.
//!
//! A handler may be called again for an entry that it has handled, so doing it twice must be as good as once. It
//! trusts the entry's owner and nothing else, since users may add entries of their own.

use base::{Error, Result};
use domain::outbox::{Entry, Kind};

use crate::App;
use crate::erase_user::erase_user;
use crate::tend_recurrences::tend_recurrences;

/// Does what an entry asks for.
pub(crate) async fn deliver(app: App, entry: Entry) -> Result<()> {
    match Kind::from_name(&entry.kind) {
        Some(Kind::EraseUser) => erase_user(&app, &entry).await,
        Some(Kind::TendRecurrences) => tend_recurrences(&app, &entry).await,
        // A newer version of the program wrote it and is about to take over; until then it waits.
        None => Err(Error::internal(format!("nobody handles entries of kind {:?}", entry.kind))),
    }
}
