//! A reply as its row shows it: the text saved so far, and how it ended.

use base::{Db, Result};
use domain::message::{self, Message, Status, Usage};
use uuid::Uuid;

use crate::block::Block;
use crate::live::{Part, known_reason};

/// A reply's row, and how much of the reply a client has been told.
pub(super) struct Row {
    db: Db,
    owner: Uuid,
    question_id: Uuid,
    pub(super) reply: Message,
    is_begun: bool,
    /// How many bytes of the text were told.
    told: usize,
    block: Block,
}

impl Row {
    pub(super) fn new(db: Db, owner: Uuid, question_id: Uuid, reply: Message) -> Self {
        Self { db, owner, question_id, reply, is_begun: false, told: 0, block: Block::None }
    }

    /// Reads the row again. False when it is gone.
    pub(super) async fn refresh(&mut self) -> Result<bool> {
        let mut tx = self.db.as_user(self.owner).await?;
        let found = message::find(&mut tx, self.owner, self.reply.id).await?;
        tx.commit().await?;
        let is_there = found.is_some();
        self.reply = found.unwrap_or_else(|| self.reply.clone());
        Ok(is_there)
    }

    /// Says that the reply is followed here. False when it has ended.
    pub(super) async fn note_follower(&self) -> Result<bool> {
        let tx = self.db.as_user(self.owner).await?;
        Ok(message::note_follower(tx, self.owner, self.reply.id).await?)
    }

    /// Whether it has something that was not told.
    pub(super) fn is_ahead(&self) -> bool {
        self.reply.status != Status::Streaming || self.reply.content.len() > self.told
    }

    /// Notes what the client was told from elsewhere.
    pub(super) fn note(&mut self, parts: &[Part]) {
        for part in parts {
            self.is_begun = true;
            self.block.see(part);
            if let Part::Text(text) = part {
                self.told += text.len();
            }
        }
    }

    /// What the row has beyond what was told.
    pub(super) fn news(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        if !self.is_begun {
            self.is_begun = true;
            parts.push(Part::Start {
                reply_id: self.reply.id,
                conversation_id: self.reply.conversation_id,
                question_id: self.question_id,
                model: self.reply.model.as_str().into(),
            });
        }
        // A reply's text only grows, so what was told is a prefix of it; or the row is behind, which is nothing new.
        let more = self.reply.content.get(self.told..).unwrap_or_default();
        if !more.is_empty() {
            parts.extend(self.block.open(Block::Text));
            parts.push(Part::Text(more.into()));
            self.told += more.len();
        }
        if self.reply.status != Status::Streaming {
            parts.extend(self.block.open(Block::None));
            parts.push(ending_of(&self.reply));
        }
        parts
    }

    /// The last part, when the row can be read no more.
    pub(super) fn break_off(&mut self, code: &'static str, detail: &str) -> Vec<Part> {
        self.block.open(Block::None).chain([Part::Error { code: code.into(), detail: detail.into() }]).collect()
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
            Part::Error { code: "provider_failed".into(), detail: "The model's provider could not answer.".into() }
        }
        Status::Interrupted | Status::Streaming => {
            Part::Error { code: "interrupted".into(), detail: "The reply was interrupted.".into() }
        }
    }
}
