//! Replies being written by this process, and following them.
//!
//! A reply is a list of [`Part`]s that only grows. Whoever follows it, early or late, reads the same list from
//! the start, so a resumed stream equals an uncut one byte for byte.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

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
    Error { code: Cow<'static, str>, detail: Arc<str> },
}

/// One reply being written.
#[derive(Debug)]
pub(crate) struct LiveReply {
    pub(crate) reply_id: Uuid,
    parts: Mutex<Vec<Part>>,
    /// How many parts there are, and whether there will be no more.
    progress: watch::Sender<Progress>,
    /// Why the writer is to end early, and its waking.
    cause: OnceLock<EndCause>,
    asked: Notify,
    is_handed_over: AtomicBool,
}

/// Why a writer is asked to end before the model has said everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndCause {
    /// The user stops the reply.
    Stop,
    /// This process is about to end.
    ShutDown,
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
    is_shut_down: Arc<AtomicBool>,
}

impl LiveReplies {
    /// Ends all replies, those that begin from now on too: each is stored as far as it came, as `interrupted`, and
    /// whoever follows it is told. The writers do that in their own time; `base::background::finished` waits for
    /// them.
    pub fn interrupt(&self) {
        self.is_shut_down.store(true, Ordering::SeqCst);
        for reply in self.lock().values() {
            reply.ask_to_end(EndCause::ShutDown);
        }
    }

    /// A reply that is about to be written.
    pub(crate) fn begin(&self, conversation: Uuid, reply_id: Uuid) -> Arc<LiveReply> {
        let reply = Arc::new(LiveReply::new(reply_id));
        self.lock().insert(conversation, Arc::clone(&reply));
        if self.is_shut_down.load(Ordering::SeqCst) {
            reply.ask_to_end(EndCause::ShutDown);
        }
        reply
    }

    /// How many are being written.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
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
        Self {
            reply_id,
            parts: Mutex::default(),
            progress: watch::Sender::default(),
            cause: OnceLock::new(),
            asked: Notify::new(),
            is_handed_over: AtomicBool::new(false),
        }
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

    /// Asks the writer to end. It is remembered if the writer is busy; the first cause counts.
    pub(crate) fn ask_to_end(&self, cause: EndCause) {
        let _first = self.cause.set(cause);
        self.asked.notify_one();
    }

    /// Waits until the writer is asked to end.
    pub(crate) async fn asked_to_end(&self) -> EndCause {
        loop {
            if let Some(cause) = self.cause.get() {
                return *cause;
            }
            self.asked.notified().await;
        }
    }

    /// Marks the reply as handed over to other processes. True the first time.
    pub(crate) fn hand_over(&self) -> bool {
        !self.is_handed_over.swap(true, Ordering::Relaxed)
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

/// Why a model ended, among the words that clients know.
pub(crate) fn known_reason(reason: Option<&str>) -> &'static str {
    let known = ["stop", "length", "content-filter", "tool-calls"];
    known.into_iter().find(|known| Some(*known) == reason).unwrap_or("other")
}
