//! Saving a reply while it grows, beside the reading of more: no client waits for the database.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base::Result;
use domain::message::{self, Saved};
use tokio::time::{Instant, Sleep, sleep};
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
    /// Until when the writer is taken to live, at least.
    alive_until: Instant,
}

enum State {
    /// Until the next is due.
    Waiting(Pin<Box<Sleep>>),
    /// One is under way.
    Saving { begun: Instant, save: Pin<Box<dyn Future<Output = Result<Saved>> + Send>> },
}

impl State {
    fn waiting(app: &App) -> Self {
        Self::Waiting(Box::pin(sleep(interval(app.lease, app.live.count()))))
    }
}

impl Saves {
    /// The first is due after an interval.
    pub(crate) fn new(app: &App, owner: Uuid, live: &Arc<LiveReply>) -> Self {
        let app = app.clone();
        let state = State::waiting(&app);
        let alive_until = Instant::now() + app.lease.0;
        Self { app, owner, live: Arc::clone(live), state, alive_until }
    }

    /// Waits for the next thing that happens: a save becomes due and begins with this text, or one has ended, which may
    /// tell that the reply is not to go on. Dropped before that, it loses nothing.
    pub(crate) async fn step(&mut self, content: &str) -> Option<Outcome> {
        match &mut self.state {
            State::Waiting(due) => {
                due.as_mut().await;
                let save = Box::pin(self.save(content.to_owned(), self.app.lease.0));
                self.state = State::Saving { begun: Instant::now(), save };
                None
            }
            State::Saving { begun, save } => {
                let (begun, saved) = (*begun, save.await);
                self.state = State::waiting(&self.app);
                self.learn(saved, begun + self.app.lease.0)
            }
        }
    }

    /// Leaves a save that is under way to itself: its connection may be the only one.
    pub(crate) fn leave(&mut self) {
        self.state = State::waiting(&self.app);
    }

    /// How long the writer is taken to live from now on, without another save.
    pub(crate) fn life_left(&self) -> Duration {
        self.alive_until.saturating_duration_since(Instant::now())
    }

    /// Saves the whole text of a reply that has come to its end, and shows that the writer lives for so much longer than
    /// the lease. False when it was not saved.
    pub(crate) async fn save_now(&mut self, content: &str, longer: Duration) -> bool {
        let alive = self.app.lease.0 + longer;
        let alive_until = Instant::now() + alive;
        let saved = self.save(content.to_owned(), alive).await;
        let is_answering = saved.is_ok();
        // How it ends is settled, whatever is learned.
        let _settled = self.learn(saved, alive_until);
        is_answering
    }

    fn save(&self, content: String, alive: Duration) -> impl Future<Output = Result<Saved>> + Send + use<> {
        let (db, owner, reply_id) = (self.app.db.clone(), self.owner, self.live.reply_id);
        async move {
            let tx = db.as_user(owner).await?;
            Ok(message::save_progress(tx, owner, reply_id, &content, alive.as_secs_f64()).await?)
        }
    }

    /// What a save tells. A database that is away for a moment is no reason to end.
    fn learn(&mut self, saved: Result<Saved>, alive_until: Instant) -> Option<Outcome> {
        match saved {
            Ok(Saved::Alive { is_followed }) => {
                self.alive_until = alive_until;
                if is_followed {
                    hand_over::begin(&self.app.store, &self.live);
                }
                None
            }
            Ok(Saved::StopRequested) => Some(Outcome::Stopped),
            Ok(Saved::Lost) => Some(Outcome::Lost),
            Err(error) => {
                tracing::warn!(?error, reply_id = %self.live.reply_id, "a reply could not be saved; it goes on");
                None
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
