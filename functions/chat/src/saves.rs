//! Saving a reply while it grows, beside the reading of more: no client waits for the database.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::message::{self, Saved};
use tokio::time::{Sleep, sleep};
use uuid::Uuid;

use crate::live::LiveReply;
use crate::outcome::Outcome;
use crate::{App, Lease, hand_over};

/// How often a reply is saved when there are few.
const EVERY: Duration = Duration::from_secs(1);
/// The time from one save to the next, of all replies of this process together: however many there are, the
/// database has at most 67 saves a second from it, until the lease demands more.
const BETWEEN_ANY_TWO: Duration = Duration::from_millis(15);

/// What there is to do about saving one reply.
pub(crate) struct Saves {
    app: App,
    owner: Uuid,
    live: Arc<LiveReply>,
    state: State,
}

enum State {
    /// Until the next is due.
    Waiting(Pin<Box<Sleep>>),
    /// One is under way.
    Saving(Pin<Box<dyn Future<Output = Option<Outcome>> + Send>>),
}

impl Saves {
    /// The first is due after an interval.
    pub(crate) fn new(app: &App, owner: Uuid, live: &Arc<LiveReply>) -> Self {
        let app = app.clone();
        let state = State::Waiting(Box::pin(sleep(interval(app.lease, app.live.count()))));
        Self { app, owner, live: Arc::clone(live), state }
    }

    /// Waits for the next thing that happens: a save becomes due and begins with this text, or one has ended, which may
    /// tell that the reply is not to go on. Dropped before that, it loses nothing.
    pub(crate) async fn step(&mut self, content: &str) -> Option<Outcome> {
        match &mut self.state {
            State::Waiting(due) => {
                due.as_mut().await;
                self.state = State::Saving(Box::pin(self.save(content.to_owned())));
                None
            }
            State::Saving(save) => {
                let outcome = save.await;
                let after = interval(self.app.lease, self.app.live.count());
                self.state = State::Waiting(Box::pin(sleep(after)));
                outcome
            }
        }
    }

    /// Saves the text so far. A database that is away for a moment is no reason to end.
    fn save(&self, content: String) -> impl Future<Output = Option<Outcome>> + Send + use<> {
        let (app, owner, live) = (self.app.clone(), self.owner, Arc::clone(&self.live));
        async move {
            let saving = async {
                let tx = app.db.as_user(owner).await?;
                let lease = app.lease.0.as_secs_f64();
                Ok::<_, base::Error>(message::save_progress(tx, owner, live.reply_id, &content, lease).await?)
            };
            match saving.await {
                Ok(Saved::Alive { is_followed }) => {
                    if is_followed {
                        hand_over::begin(&app.store, &live);
                    }
                    None
                }
                Ok(Saved::StopRequested) => Some(Outcome::Stopped),
                Ok(Saved::Lost) => Some(Outcome::Lost),
                Err(error) => {
                    tracing::warn!(?error, reply_id = %live.reply_id, "a reply could not be saved; it goes on");
                    None
                }
            }
        }
    }
}

/// The time from one save of a reply to its next, which also shows that its writer lives: short while there are few
/// replies, and never more than half of the lease.
fn interval(Lease(lease): Lease, replies: usize) -> Duration {
    let of_all = BETWEEN_ANY_TWO.saturating_mul(u32::try_from(replies).unwrap_or(u32::MAX));
    EVERY.min(lease / 5).max(of_all).min(lease / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saves_seldom_when_there_are_many_replies() {
        for (lease_ms, replies, expected_ms) in [
            (15_000, 1, 1_000),
            (15_000, 66, 1_000),
            (15_000, 200, 3_000),
            (15_000, 2_000, 7_500),
            (1_000, 1, 200),
            (1_000, 1_000, 500),
        ] {
            let lease = Lease(Duration::from_millis(lease_ms));
            assert_eq!(interval(lease, replies), Duration::from_millis(expected_ms), "{lease_ms} {replies}");
        }
    }
}
