//! Storing how a reply ended, for as long as that may take.
//!
//! The database may be away, or another writer of the same user, such as an import, may hold the user's write lock for
//! minutes. Meanwhile the whole text is saved, for which no lock is needed: it can be read, and its writer is seen to live.

use std::time::Duration;

use base::Result;
use base::db::STATEMENT_TIMEOUT_MS;
use domain::message::{self, Ended, Ending};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::App;
use crate::saves::Saves;

/// For so long after the time that a model may take, a try to store the ending or a save may begin. Either takes at most
/// 20 seconds: 5 for a free connection, 5 for opening it, 10 for the lock or the statement.
pub(crate) const ENDING_TIME_MAX: Duration = Duration::from_secs(90);
/// The waits between tries while the database is away. After them the ending is given up.
const AWAY_WAITS: [Duration; 6] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
    Duration::from_secs(12),
];
/// The wait between tries while the database answers and the lock is another's. Each try waits for the lock, too.
const LOCKED_WAIT: Duration = Duration::from_millis(200);
/// How long a try waits for the lock.
const LOCK_TIME: Duration = Duration::from_millis(STATEMENT_TIMEOUT_MS as u64);

/// A reply that is to be ended.
pub(crate) struct Written<'a> {
    pub(crate) owner: Uuid,
    pub(crate) reply_id: Uuid,
    pub(crate) content: &'a str,
}

/// Stores an ending. None when the reply was not this writer's to end any more.
///
/// # Errors
///
/// The last try's, when the database was away for too long, or the lock another's until this time.
pub(crate) async fn store_ending(
    app: &App,
    written: &Written<'_>,
    ending: &Ending,
    saves: &mut Saves,
    until: Instant,
) -> Result<Option<Ended>> {
    let Written { owner, reply_id, content } = *written;
    let mut waits = AWAY_WAITS.into_iter();
    if !saves.last_for(LOCK_TIME) {
        saves.save_now(content, LOCK_TIME).await;
    }
    loop {
        let storing = async {
            let tx = app.db.as_writer(owner).await?;
            Ok::<_, base::Error>(message::end_reply(tx, owner, reply_id, content, ending).await?)
        };
        let error = match storing.await {
            Ok(ended) => return Ok(ended),
            Err(error) => error,
        };
        if Instant::now() >= until {
            return Err(error);
        }
        let is_answering = saves.save_now(content, LOCK_TIME).await;
        let is_locked = is_answering && error.code() == "database_unavailable";
        let wait = if is_locked { Some(LOCKED_WAIT) } else { waits.next() };
        match wait {
            Some(wait) if Instant::now() + wait < until => {
                tracing::warn!(?error, %reply_id, is_answering, "the end of a reply is not stored yet");
                sleep(wait).await;
            }
            _ => return Err(error),
        }
    }
}
