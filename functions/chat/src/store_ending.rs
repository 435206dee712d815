//! Storing how a reply ended, for as long as that may take.
//!
//! The database may be away, or another writer of the same user, such as an import, may hold the user's write lock for
//! minutes. Meanwhile the whole text is saved, for which no lock is needed: it can be read, and its writer is seen to live.
//! No connection is held for the wait, as others need it.

use std::time::Duration;

use base::Result;
use base::db::LOCKED;
use domain::message::{self, Ended, Ending};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::App;
use crate::saves::Saves;

/// For so long after the time that a model may take, a try to store the ending or a save may begin. Either takes at most
/// 20 seconds: 5 for a free connection, 5 for opening it, 10 for the statement.
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
/// How long the first try waits for the lock: longer than a user's other writes take, but for an import.
const FIRST_LOCK_WAIT: Duration = Duration::from_secs(2);
/// How long each later one does.
const LATER_LOCK_WAIT: Duration = Duration::from_millis(100);
/// The wait between tries while the lock is another's.
const LOCKED_WAIT: Duration = Duration::from_secs(1);
/// The whole text is saved again when its writer is not taken to live for so much longer.
const LIFE_LEFT_MIN: Duration = Duration::from_secs(5);

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
    let mut is_saved = false;
    // No longer than the writer is taken to live by what was saved last.
    let mut lock_wait = saves.life_left().clamp(LATER_LOCK_WAIT, FIRST_LOCK_WAIT);
    loop {
        let storing = async {
            let tx = app.db.as_writer(owner).await?.waiting_at_most(lock_wait);
            Ok::<_, base::Error>(message::end_reply(tx, owner, reply_id, content, ending).await?)
        };
        let error = match storing.await {
            Ok(ended) => return Ok(ended),
            Err(error) => error,
        };
        if Instant::now() >= until {
            return Err(error);
        }
        if !is_saved || saves.life_left() < LIFE_LEFT_MIN {
            is_saved = saves.save_now(content, LIFE_LEFT_MIN).await;
        }
        let wait = if error.code() == LOCKED { Some(LOCKED_WAIT) } else { waits.next() };
        match wait {
            Some(wait) if Instant::now() + wait < until => {
                tracing::warn!(?error, %reply_id, is_saved, "the end of a reply is not stored yet");
                sleep(wait).await;
                lock_wait = LATER_LOCK_WAIT;
            }
            _ => return Err(error),
        }
    }
}
