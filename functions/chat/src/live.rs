//! Replies being written by this process, and following them.
//!
//! A reply is a list of [`Part`]s that only grows. Whoever follows it, early or late, reads the same list from
//! the start, so a resumed stream equals an uncut one byte for byte.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::message::Usage;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// A piece of a reply, whatever format it is sent in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// The reply begins.
    Start { reply_id: Uuid, conversation_id: Uuid, question_id: Uuid, model: Arc<str> },
    /// The conversation was begun with this title.
    Title { conversation_id: Uuid, title: Arc<str> },
    /// Text follows.
    TextStart,
    /// More text.
    Text(Arc<str>),
    /// No more text.
    TextEnd,
    /// The model's thinking follows.
    ReasoningStart,
    /// More thinking.
    Reasoning(Arc<str>),
    /// No more thinking.
    ReasoningEnd,
    /// It is whole.
    Finish { reason: &'static str, usage: Usage },
    /// The user stopped it.
    Abort,
    /// It broke off; what came before is kept but not whole.
    Error { code: &'static str, detail: Arc<str> },
}

/// One reply being written.
#[derive(Debug)]
pub(crate) struct LiveReply {
    pub(crate) reply_id: Uuid,
    parts: Mutex<Vec<Part>>,
    /// How many parts there are, and whether there will be no more.
    progress: watch::Sender<Progress>,
    stop: Notify,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    len: usize,
    is_over: bool,
}

/// The replies being written by this process, by conversation. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct LiveReplies {
    by_conversation: Arc<Mutex<HashMap<Uuid, Arc<LiveReply>>>>,
}

impl LiveReplies {
    pub(crate) fn add(&self, conversation: Uuid, reply: Arc<LiveReply>) {
        self.lock().insert(conversation, reply);
    }

    pub(crate) fn find(&self, conversation: Uuid) -> Option<Arc<LiveReply>> {
        self.lock().get(&conversation).cloned()
    }

    /// Forgets a reply, unless a later one has taken its place.
    pub(crate) fn remove(&self, conversation: Uuid, reply: &LiveReply) {
        let mut replies = self.lock();
        if replies.get(&conversation).is_some_and(|known| known.reply_id == reply.reply_id) {
            replies.remove(&conversation);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<LiveReply>>> {
        self.by_conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveReply {
    pub(crate) fn new(reply_id: Uuid) -> Self {
        Self { reply_id, parts: Mutex::default(), progress: watch::Sender::default(), stop: Notify::new() }
    }

    /// Adds to the reply.
    pub(crate) fn push(&self, parts: impl IntoIterator<Item = Part>) {
        let len = {
            let mut all = self.lock();
            all.extend(parts);
            all.len()
        };
        self.progress.send_modify(|progress| progress.len = len);
    }

    /// Says that nothing more will come.
    pub(crate) fn end(&self) {
        self.progress.send_modify(|progress| progress.is_over = true);
    }

    /// Asks the writer to stop. It is remembered if the writer is busy.
    pub(crate) fn request_stop(&self) {
        self.stop.notify_one();
    }

    /// Waits until the writer is asked to stop.
    pub(crate) async fn stop_requested(&self) {
        self.stop.notified().await;
    }

    /// Waits until nothing more will come.
    pub(crate) async fn ended(&self) {
        let mut progress = self.progress.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ended = progress.wait_for(|progress| progress.is_over).await;
    }

    /// Follows the reply from its start.
    pub(crate) fn follow(self: &Arc<Self>) -> Follower {
        Follower { progress: self.progress.subscribe(), reply: Arc::clone(self), seen: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client's place in a reply.
pub(crate) struct Follower {
    reply: Arc<LiveReply>,
    progress: watch::Receiver<Progress>,
    seen: usize,
}

impl Follower {
    /// The parts that came since the last call, or `None` when there will be no more.
    pub(crate) async fn next(&mut self) -> Option<Vec<Part>> {
        let seen = self.seen;
        let Progress { len, .. } =
            *self.progress.wait_for(|progress| progress.len > seen || progress.is_over).await.ok()?;
        if len == seen {
            return None;
        }
        let parts = self.reply.lock()[seen..len].to_vec();
        self.seen = len;
        Some(parts)
    }
}
