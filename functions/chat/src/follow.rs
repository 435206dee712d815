//! Where a client reads a reply from: the process that writes it, or what other processes see of it.

mod elsewhere;
mod row;

use std::time::Duration;

use base::Result;
use domain::message::{self, Message, Status};
use uuid::Uuid;

use crate::App;
use crate::live::{Follower, Part};
use elsewhere::ReplyElsewhere;

/// How often the database is asked for more of a reply that another process writes.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// A reply as a sequence of parts.
pub(crate) enum Source {
    /// Written by this process.
    Live(Follower),
    /// Written elsewhere, or ended.
    Elsewhere(Box<ReplyElsewhere>),
}

impl Source {
    /// The best source for a reply.
    pub(crate) fn of(app: &App, owner: Uuid, question_id: Uuid, reply: Message) -> Self {
        match app.live.find(reply.conversation_id) {
            Some(live) if live.reply_id == reply.id => Self::Live(live.follow()),
            _ => Self::Elsewhere(Box::new(ReplyElsewhere::new(app, owner, question_id, reply))),
        }
    }

    /// The next parts, or `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<Vec<Part>> {
        match self {
            Self::Live(follower) => follower.next().await,
            Self::Elsewhere(reply) => reply.next().await,
        }
    }
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
