//! A reply that another process writes, or that has ended.
//!
//! Where processes share a store the writer hands the reply over, part by part, and a client here reads the very stream
//! that a client there does. When what is handed over stops while the row goes on (the store is away, a batch is missing, the
//! writer is of another version), the row is read from then on: the same text in larger pieces, nothing twice.

use std::time::Duration;

use domain::message::{Message, Status};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::POLL_INTERVAL;
use super::row::Row;
use crate::App;
use crate::hand_over::HandedOver;
use crate::live::Part;

/// How often the store is asked for more, the time in which a writer gathers a batch.
const STORE_INTERVAL: Duration = Duration::from_millis(250);
/// After so long without a part the row is looked at, and then as often.
const QUIET_TIME: Duration = Duration::from_secs(1);
/// For so long the row may have more than was handed over.
const LAG_MAX: Duration = Duration::from_millis(1500);

/// The reply, from its start to its last part.
pub(crate) struct ReplyElsewhere {
    row: Row,
    /// None when there is no shared store, or nothing more is expected of it.
    handed_over: Option<HandedOver>,
    /// How long a writer may take to learn that it is followed: it saves at least twice in its lease.
    notice_time: Duration,
    stage: Stage,
    /// When the row is looked at next, and since when it has had more than was handed over. A call of `next` that is
    /// dropped leaves both, so that waiting goes on where it was.
    look_at: Instant,
    ahead_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The writer was not told yet that it is followed.
    Begun,
    /// Parts are awaited.
    Followed,
    /// The last part was told.
    Over,
}

impl ReplyElsewhere {
    pub(super) fn new(app: &App, owner: Uuid, question_id: Uuid, reply: Message) -> Self {
        let is_written = reply.status == Status::Streaming;
        let handed_over = HandedOver::of(&app.store, reply.id).filter(|_| is_written);
        let row = Row::new(app.db.clone(), owner, question_id, reply);
        let (notice_time, look_at) = (app.lease.0 / 2, Instant::now() + QUIET_TIME);
        Self { row, handed_over, notice_time, stage: Stage::Begun, look_at, ahead_since: None }
    }

    /// The next parts, or `None` after the last. Dropped before it ends, it loses nothing and waits no longer in all.
    pub(super) async fn next(&mut self) -> Option<Vec<Part>> {
        if self.stage == Stage::Over {
            return None;
        }
        let is_first = self.stage == Stage::Begun;
        if is_first && self.handed_over.is_some() {
            self.announce().await;
        }
        self.stage = Stage::Followed;
        let parts = match self.next_handed_over().await {
            Some(parts) => parts,
            None => self.next_of_row(is_first).await,
        };
        if matches!(parts.last(), Some(Part::Finish { .. } | Part::Abort | Part::Error { .. })) {
            self.stage = Stage::Over;
        }
        Some(parts)
    }

    /// Tells the writer that it is followed. One that has ended meanwhile hands nothing over any more.
    async fn announce(&mut self) {
        match self.row.note_follower().await {
            Ok(true) => {}
            Ok(false) => self.handed_over = None,
            Err(error) => {
                tracing::warn!(?error, "a writer could not be told that it is followed");
                self.handed_over = None;
            }
        }
    }

    /// What is handed over next. None when the row is to be read from now on.
    async fn next_handed_over(&mut self) -> Option<Vec<Part>> {
        while let Some(handed_over) = &mut self.handed_over {
            match handed_over.read().await {
                Ok(parts) if parts.is_empty() => {}
                Ok(parts) => {
                    self.row.note(&parts);
                    (self.look_at, self.ahead_since) = (Instant::now() + QUIET_TIME, None);
                    return Some(parts);
                }
                Err(unreadable) => {
                    tracing::warn!(?unreadable, "a reply is followed through its row");
                    self.handed_over = None;
                    break;
                }
            }
            let now = Instant::now();
            let lag_max = if handed_over.may_begin() { LAG_MAX + self.notice_time } else { LAG_MAX };
            if self.ahead_since.is_some_and(|since| now.duration_since(since) >= lag_max) {
                tracing::info!(reply_id = %self.row.reply.id, "a reply is not handed over and is followed through its row");
                self.handed_over = None;
                break;
            }
            if now >= self.look_at && self.ahead_since.is_none() {
                self.look_at = now + QUIET_TIME;
                // A row that is gone, or cannot be read, is for the row's own reading to tell.
                let is_there = self.row.refresh().await.unwrap_or_default();
                self.ahead_since = (!is_there || self.row.is_ahead()).then_some(now);
            }
            sleep(STORE_INTERVAL).await;
        }
        None
    }

    /// What the row has next.
    async fn next_of_row(&mut self, is_fresh: bool) -> Vec<Part> {
        let mut is_fresh = is_fresh;
        loop {
            if !is_fresh {
                sleep(POLL_INTERVAL).await;
                match self.row.refresh().await {
                    Ok(true) => {}
                    Ok(false) => return self.row.break_off("reply_lost", "The reply was deleted."),
                    Err(error) => {
                        tracing::warn!(?error, "a reply could not be followed");
                        return self.row.break_off("follow_failed", "The reply cannot be read at the moment.");
                    }
                }
            }
            is_fresh = false;
            let parts = self.row.news();
            if !parts.is_empty() {
                return parts;
            }
        }
    }
}
