//! Writing a reply: the model runs in a task of its own, so that a client that leaves loses nothing.
//!
//! The text so far is saved at short intervals, which also shows that the writer lives. Whatever happens, the
//! row ends with the text received and the usage known, and the last part says truly how it ended: `Finish` is
//! only said once the whole text is committed.

use std::sync::Arc;
use std::time::Duration;

use base::background;
use base::request::{self, Request};
use domain::message::{self, Ended, Ending};
use futures_util::StreamExt;
use providers::{ChatModel, ChatPrompt, FinishReason, ProviderErrorKind, ReplyEvent, ReplyStream, TokenUsage};

use crate::begin_reply::NewReply;
use crate::block::Block;
use crate::live::{LiveReply, Part};
use crate::outcome::{self, Outcome};
use crate::prompt::prompt_of;
use crate::saves::Saves;
use crate::usage::usage_of;
use crate::{App, hand_over};

/// A reply is cut at this length, in bytes, and ends with the reason `length`.
const REPLY_BYTES_MAX: usize = 1024 * 1024;
/// The waits between tries to store an ending while the database is away.
const END_RETRY_WAITS: [Duration; 6] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
    Duration::from_secs(12),
];

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
        content: String::new(),
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
    content: String,
    block: Block,
    usage: Option<TokenUsage>,
    input_bytes: usize,
}

impl Writer {
    async fn run(mut self, model: ChatModel, prompt: ChatPrompt) {
        let mut saves = Saves::new(&self.guard.app, self.new.owner, &self.guard.live);
        let outcome = match self.open(&model, &prompt, &mut saves).await {
            Ok(stream) => self.read(stream, &mut saves).await,
            Err(outcome) => outcome,
        };
        // A save that is still under way finds the reply ended, and does nothing.
        drop(saves);
        self.end(outcome).await;
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
                    Some(Ok(ReplyEvent::Text(text))) => {
                        if self.take_text(text) {
                            return Outcome::Finished(FinishReason::Length);
                        }
                    }
                    Some(Ok(ReplyEvent::Reasoning(text))) => {
                        let parts = self.block.open(Block::Reasoning).chain([Part::Reasoning(text.into())]);
                        self.guard.live.push(parts);
                    }
                    Some(Ok(ReplyEvent::Usage(usage))) => self.usage = Some(usage),
                    Some(Ok(ReplyEvent::Finished(reason))) => return Outcome::Finished(reason),
                    Some(Err(error)) => return Outcome::broke(&error),
                    // A stream ends with `Finished` or an error; one that does neither was cut.
                    None => return Outcome::Broke(ProviderErrorKind::Interrupted, "The reply was cut.".to_owned()),
                },
            }
        }
    }

    /// Adds text; true when the reply has reached its greatest length.
    fn take_text(&mut self, mut text: String) -> bool {
        let room = REPLY_BYTES_MAX - self.content.len();
        let is_full = text.len() >= room;
        if is_full {
            text.truncate(text.floor_char_boundary(room));
        }
        // The database keeps every character but this one.
        if text.contains('\0') {
            text = text.replace('\0', "\u{fffd}");
        }
        self.content.push_str(&text);
        if !text.is_empty() {
            let parts = self.block.open(Block::Text).chain([Part::Text(text.into())]);
            self.guard.live.push(parts);
        }
        is_full
    }

    async fn end(mut self, outcome: Outcome) {
        let usage = usage_of(self.usage, outcome.is_whole(), self.input_bytes, self.content.len());
        if let Some(request) = &self.request {
            request.note(|notes| {
                notes.input_tokens = usage.input_tokens.try_into().ok();
                notes.output_tokens = usage.output_tokens.try_into().ok();
            });
        }
        let (ending, last) = outcome.record(usage);
        let last = match ending {
            None => last,
            Some(ending) => match self.store(&ending).await {
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

    async fn store(&self, ending: &Ending) -> base::Result<Option<Ended>> {
        let mut waits = END_RETRY_WAITS.into_iter();
        loop {
            let storing = async {
                let tx = self.guard.app.db.as_writer(self.new.owner).await?;
                Ok(message::end_reply(tx, self.new.owner, self.new.reply_id, &self.content, ending).await?)
            };
            match (storing.await, waits.next()) {
                (Err(_), Some(wait)) => tokio::time::sleep(wait).await,
                (result, _) => return result,
            }
        }
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
