//! Where a client reads a reply from: the process that writes it, or the database when another one does.

use std::time::Duration;

use base::{Db, Result};
use domain::message::{self, Message, Status, Usage};
use uuid::Uuid;

use crate::App;
use crate::live::{Follower, Part};

/// How often the database is asked for more of a reply that another process writes.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// A reply as a sequence of parts.
pub(crate) enum Source {
    /// Written by this process.
    Live(Follower),
    /// Written elsewhere, or ended.
    Stored(Box<StoredReply>),
}

impl Source {
    /// The best source for a reply.
    pub(crate) fn of(app: &App, owner: Uuid, question_id: Uuid, reply: Message) -> Self {
        match app.live.find(reply.conversation_id) {
            Some(live) if live.reply_id == reply.id => Self::Live(live.follow()),
            _ => Self::Stored(Box::new(StoredReply {
                db: app.db.clone(),
                owner,
                question_id,
                reply,
                sent: None,
                is_over: false,
            })),
        }
    }

    /// The next parts, or `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<Vec<Part>> {
        match self {
            Self::Live(follower) => follower.next().await,
            Self::Stored(stored) => stored.next().await,
        }
    }
}

/// A reply read from its row, again and again until it has ended.
pub(crate) struct StoredReply {
    db: Db,
    owner: Uuid,
    question_id: Uuid,
    reply: Message,
    /// How many bytes of its text were sent; nothing at all was sent yet when `None`.
    sent: Option<usize>,
    is_over: bool,
}

impl StoredReply {
    async fn next(&mut self) -> Option<Vec<Part>> {
        loop {
            if self.is_over {
                return None;
            }
            if self.sent.is_some() {
                tokio::time::sleep(POLL_INTERVAL).await;
                match self.read().await {
                    Ok(Some(reply)) => self.reply = reply,
                    Ok(None) => return Some(self.break_off("reply_lost", "The reply was deleted.")),
                    Err(error) => {
                        tracing::warn!(?error, "a reply could not be followed");
                        return Some(self.break_off("follow_failed", "The reply cannot be read at the moment."));
                    }
                }
            }
            let parts = self.news();
            if !parts.is_empty() {
                return Some(parts);
            }
        }
    }

    async fn read(&self) -> Result<Option<Message>> {
        let mut tx = self.db.as_user(self.owner).await?;
        let found = message::find(&mut tx, self.owner, self.reply.id).await?;
        tx.commit().await?;
        Ok(found)
    }

    fn break_off(&mut self, code: &'static str, detail: &str) -> Vec<Part> {
        self.is_over = true;
        vec![Part::Error { code, detail: detail.into() }]
    }

    /// What the row has beyond what was sent.
    fn news(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        if self.sent.is_none() {
            parts.push(Part::Start {
                reply_id: self.reply.id,
                conversation_id: self.reply.conversation_id,
                question_id: self.question_id,
                model: self.reply.model.as_str().into(),
            });
        }
        let sent = self.sent.unwrap_or_default();
        // A reply's text only grows, so what was sent is a prefix of it.
        let more = self.reply.content.get(sent..).unwrap_or_default();
        if !more.is_empty() {
            if sent == 0 {
                parts.push(Part::TextStart);
            }
            parts.push(Part::Text(more.into()));
        }
        self.sent = Some(sent + more.len());
        if self.reply.status != Status::Streaming {
            self.is_over = true;
            if !self.reply.content.is_empty() {
                parts.push(Part::TextEnd);
            }
            parts.push(ending_of(&self.reply));
        }
        parts
    }
}

/// The last part of a reply that has ended.
fn ending_of(reply: &Message) -> Part {
    match reply.status {
        Status::Complete => Part::Finish {
            reason: known_reason(reply.finish_reason.as_deref()),
            usage: reply.usage.unwrap_or(Usage { input_tokens: 0, output_tokens: 0, estimated: true }),
        },
        Status::Stopped => Part::Abort,
        Status::Failed => {
            Part::Error { code: "provider_failed", detail: "The model's provider could not answer.".into() }
        }
        Status::Interrupted | Status::Streaming => {
            Part::Error { code: "interrupted", detail: "The reply was interrupted.".into() }
        }
    }
}

fn known_reason(reason: Option<&str>) -> &'static str {
    let known = ["stop", "length", "content-filter", "tool-calls"];
    known.into_iter().find(|known| Some(*known) == reason).unwrap_or("other")
}

/// Waits until a reply has ended, and reads it.
pub(crate) async fn wait_for_end(app: &App, owner: Uuid, conversation: Uuid, reply: Uuid) -> Result<Option<Message>> {
    if let Some(live) = app.live.find(conversation).filter(|live| live.reply_id == reply) {
        live.ended().await;
    }
    loop {
        let mut tx = app.db.as_user(owner).await?;
        let found = message::find(&mut tx, owner, reply).await?;
        tx.commit().await?;
        match found {
            Some(message) if message.status == Status::Streaming => tokio::time::sleep(POLL_INTERVAL).await,
            found => return Ok(found),
        }
    }
}
