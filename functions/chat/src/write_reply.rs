//! Writing a reply: the model runs in a task of its own, so that a client that leaves loses nothing.
//!
//! The text so far is saved at short intervals, which also shows that the writer lives. Whatever happens, the
//! row ends with the text received and the usage known, and the last part says truly how it ended: `Finish` is
//! only said once the whole text is committed. However slow a model is and however much it says, the reply ends.

use std::sync::Arc;
use std::time::Duration;

use base::background;
use base::request::{self, Request};
use domain::message::Ended;
use futures_util::StreamExt;
use providers::{ChatModel, ChatPrompt, FinishReason, ProviderErrorKind, ReplyEvent, ReplyStream, TokenUsage};
use tokio::time::{Instant, timeout_at};

use crate::begin_reply::NewReply;
use crate::block::Block;
use crate::live::{LiveReply, Part};
use crate::outcome::{self, Outcome};
use crate::prompt::prompt_of;
use crate::room::Room;
use crate::saves::Saves;
use crate::store_ending::{ENDING_TIME_MAX, Written, store_ending};
use crate::usage::usage_of;
use crate::{App, hand_over};

/// How long a model may take over a reply, from the question's commit to its last word; the reply then ends like one
/// whose provider is silent. Lambda ends whatever has run for 900 seconds, and storing the ending may take the rest: see
/// [`ENDING_TIME_MAX`].
pub(crate) const REPLY_TIME_MAX: Duration = Duration::from_mins(13);

/// Starts writing, and returns what clients follow.
pub(crate) fn spawn(
    app: &App,
    mut new: NewReply,
    model: ChatModel,
    vendor_model: String,
    name: &str,
) -> Arc<LiveReply> {
    let live = app.live.begin(new.conversation_id, new.reply_id);
    live.push(opening(&new, name));
    let prompt = prompt_of(std::mem::take(&mut new.context), vendor_model);
    let input_bytes = prompt.turns.iter().map(|turn| turn.text.len()).sum();
    let http_request = request::current();
    if let Some(request) = &http_request {
        request.note(|notes| notes.model = Some(name.to_owned()));
    }
    let writer = Writer {
        guard: EndGuard { app: app.clone(), conversation_id: new.conversation_id, live: Arc::clone(&live) },
        new,
        request: http_request,
        begun: Instant::now(),
        content: String::new(),
        room: Room::whole(),
        block: Block::None,
        usage: None,
        input_bytes,
    };
    let served = writer.request.clone();
    let writing = writer.run(model, prompt);
    // The task goes on as part of the request that began it: its log lines and its calls belong to it.
    match served {
        Some(served) => background::spawn(served.scope(writing)),
        None => background::spawn(writing),
    }
    live
}

fn opening(new: &NewReply, model: &str) -> Vec<Part> {
    let (reply_id, conversation_id, question_id) = (new.reply_id, new.conversation_id, new.question_id);
    let mut parts = vec![Part::Start { reply_id, conversation_id, question_id, model: model.into() }];
    if let Some(title) = &new.title {
        parts.push(Part::Title { conversation_id, title: title.as_str().into() });
    }
    parts
}

struct Writer {
    guard: EndGuard,
    new: NewReply,
    request: Option<Request>,
    begun: Instant,
    content: String,
    room: Room,
    block: Block,
    usage: Option<TokenUsage>,
    input_bytes: usize,
}

impl Writer {
    async fn run(mut self, model: ChatModel, prompt: ChatPrompt) {
        let mut saves = Saves::new(&self.guard.app, self.new.owner, &self.guard.live);
        let deadline = self.begun + self.guard.app.reply_time_max;
        let writing = timeout_at(deadline, self.write(&model, &prompt, &mut saves)).await;
        let outcome = writing.unwrap_or_else(|_| Outcome::out_of_time());
        saves.leave();
        self.end(outcome, &mut saves, deadline + ENDING_TIME_MAX).await;
    }

    /// Takes what the model says, to its end. Dropped before that, it leaves what has come.
    async fn write(&mut self, model: &ChatModel, prompt: &ChatPrompt, saves: &mut Saves) -> Outcome {
        match self.open(model, prompt, saves).await {
            Ok(stream) => self.read(stream, saves).await,
            Err(outcome) => outcome,
        }
    }

    /// Waits for the model's first event, heeding stops and showing that the writer lives.
    async fn open(&self, model: &ChatModel, prompt: &ChatPrompt, saves: &mut Saves) -> Result<ReplyStream, Outcome> {
        let opening = model.stream(prompt);
        tokio::pin!(opening);
        loop {
            tokio::select! {
                biased;
                cause = self.guard.live.asked_to_end() => return Err(cause.into()),
                opened = &mut opening => return opened.map_err(|error| Outcome::broke(&error)),
                outcome = saves.step(&self.content) => if let Some(outcome) = outcome { return Err(outcome) },
            }
        }
    }

    async fn read(&mut self, mut stream: ReplyStream, saves: &mut Saves) -> Outcome {
        loop {
            tokio::select! {
                biased;
                cause = self.guard.live.asked_to_end() => return cause.into(),
                outcome = saves.step(&self.content) => if let Some(outcome) = outcome { return outcome },
                event = stream.next() => match event {
                    Some(Ok(ReplyEvent::Text(text))) => self.take(Block::Text, text),
                    Some(Ok(ReplyEvent::Reasoning(text))) => self.take(Block::Reasoning, text),
                    Some(Ok(ReplyEvent::Usage(usage))) => self.usage = Some(usage),
                    Some(Ok(ReplyEvent::Finished(reason))) => return Outcome::Finished(reason),
                    Some(Err(error)) => return Outcome::broke(&error),
                    // A stream ends with `Finished` or an error; one that does neither was cut.
                    None => return Outcome::Broke(ProviderErrorKind::Interrupted, "The reply was cut.".to_owned()),
                },
            }
            if self.room.is_full() {
                return Outcome::Finished(FinishReason::Length);
            }
        }
    }

    /// Adds a piece of text or thinking, as much of it as there is room for.
    fn take(&mut self, block: Block, piece: String) {
        let piece = self.room.keep(piece);
        if piece.is_empty() {
            return;
        }
        let part = if block == Block::Reasoning {
            Part::Reasoning(piece.into())
        } else {
            self.content.push_str(&piece);
            Part::Text(piece.into())
        };
        self.guard.live.push(self.block.open(block).chain([part]));
    }

    /// Stores how it ended, and says it. No try to store it begins after `until`.
    async fn end(mut self, outcome: Outcome, saves: &mut Saves, until: Instant) {
        // Thinking is charged like text.
        let usage = usage_of(self.usage, outcome.is_whole(), self.input_bytes, self.room.taken());
        if let Some(request) = &self.request {
            request.note(|notes| {
                notes.input_tokens = usage.input_tokens.try_into().ok();
                notes.output_tokens = usage.output_tokens.try_into().ok();
            });
        }
        let (ending, last) = outcome.record(usage);
        let last = match ending {
            None => last,
            Some(ending) => match store_ending(&self.guard.app, &self.written(), &ending, saves, until).await {
                Ok(Some(Ended { is_followed })) => {
                    if is_followed {
                        hand_over::begin(&self.guard.app.store, &self.guard.live);
                    }
                    last
                }
                Ok(None) => outcome::lost(),
                Err(error) => {
                    tracing::error!(?error, reply_id = %self.new.reply_id, "the end of a reply could not be stored");
                    outcome::not_stored()
                }
            },
        };
        let parts = self.block.open(Block::None).chain([last]);
        self.guard.live.push(parts);
    }

    fn written(&self) -> Written<'_> {
        Written { owner: self.new.owner, reply_id: self.new.reply_id, content: &self.content }
    }
}

/// Ends the live reply when the writer ends in any way, also by a panic.
struct EndGuard {
    app: App,
    conversation_id: uuid::Uuid,
    live: Arc<LiveReply>,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let detail = "Something went wrong on our side.".into();
            self.live.push([Part::Error { code: "internal".into(), detail }]);
        }
        self.app.live.remove(self.conversation_id, &self.live);
        self.live.end();
    }
}
