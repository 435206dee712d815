//! Writing a reply: the model runs in a task of its own, so that a client that leaves loses nothing.
//!
//! The text so far is saved at short intervals, which also shows that the writer lives. Whatever happens, the
//! row ends with the text received and the usage known, and the last part says truly how it ended: `Finish` is
//! only said once the whole text is committed.

use std::sync::Arc;
use std::time::Duration;

use base::request::{self, Request};
use domain::message::{self, Ending, Saved, Usage};
use futures_util::StreamExt;
use providers::{ChatModel, ChatPrompt, FinishReason, ProviderErrorKind, ReplyEvent, ReplyStream, TokenUsage};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::App;
use crate::begin_reply::NewReply;
use crate::live::{LiveReply, Part};
use crate::outcome::{self, Outcome};
use crate::prompt::prompt_of;

/// A reply is cut at this length, in bytes, and ends with the reason `length`.
const REPLY_BYTES_MAX: usize = 1024 * 1024;
/// About how many bytes of text make a token, for estimates.
const BYTES_PER_TOKEN: usize = 4;
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
    let live = Arc::new(LiveReply::new(new.reply_id));
    live.push(opening(&new, name));
    app.live.add(new.conversation_id, Arc::clone(&live));
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
        Some(served) => drop(tokio::spawn(served.scope(writing))),
        None => drop(tokio::spawn(writing)),
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

/// Which kind of block is open in the stream of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    Text,
    Reasoning,
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
        let every = self.guard.app.lease.save_interval();
        let mut saves = interval_at(Instant::now() + every, every);
        saves.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let outcome = match self.open(&model, &prompt, &mut saves).await {
            Ok(stream) => self.read(stream, &mut saves).await,
            Err(outcome) => outcome,
        };
        self.end(outcome).await;
    }

    /// Waits for the model's first event, heeding stops and showing that the writer lives.
    async fn open(&self, model: &ChatModel, prompt: &ChatPrompt, saves: &mut Interval) -> Result<ReplyStream, Outcome> {
        let opening = model.stream(prompt);
        tokio::pin!(opening);
        loop {
            tokio::select! {
                biased;
                () = self.guard.live.stop_requested() => return Err(Outcome::Stopped),
                opened = &mut opening => return opened.map_err(|error| Outcome::broke(&error)),
                _ = saves.tick() => if let Some(outcome) = self.save().await { return Err(outcome) },
            }
        }
    }

    async fn read(&mut self, mut stream: ReplyStream, saves: &mut Interval) -> Outcome {
        loop {
            tokio::select! {
                biased;
                () = self.guard.live.stop_requested() => return Outcome::Stopped,
                _ = saves.tick() => if let Some(outcome) = self.save().await { return outcome },
                event = stream.next() => match event {
                    Some(Ok(ReplyEvent::Text(text))) => {
                        if self.take_text(text) {
                            return Outcome::Finished(FinishReason::Length);
                        }
                    }
                    Some(Ok(ReplyEvent::Reasoning(text))) => {
                        let parts = self.open_block(Block::Reasoning).chain([Part::Reasoning(text.into())]);
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
            let parts = self.open_block(Block::Text).chain([Part::Text(text.into())]);
            self.guard.live.push(parts);
        }
        is_full
    }

    /// The parts that close the open block and open another kind.
    fn open_block(&mut self, block: Block) -> impl Iterator<Item = Part> + use<> {
        let (old, is_new) = (self.block, self.block != block);
        self.block = block;
        let close = match old {
            Block::Text => Some(Part::TextEnd),
            Block::Reasoning => Some(Part::ReasoningEnd),
            Block::None => None,
        };
        let open = match block {
            Block::Text => Some(Part::TextStart),
            Block::Reasoning => Some(Part::ReasoningStart),
            Block::None => None,
        };
        [close, open].into_iter().flatten().filter(move |_| is_new)
    }

    /// Saves the text so far. A database that is away for a moment is no reason to end.
    async fn save(&self) -> Option<Outcome> {
        let app = &self.guard.app;
        let saving = async {
            let tx = app.db.as_user(self.new.owner).await?;
            let lease = app.lease.0.as_secs_f64();
            let saved = message::save_progress(tx, self.new.owner, self.new.reply_id, &self.content, lease).await?;
            Ok::<_, base::Error>(saved)
        };
        match saving.await {
            Ok(Saved::Alive) => None,
            Ok(Saved::StopRequested) => Some(Outcome::Stopped),
            Ok(Saved::Lost) => Some(Outcome::Lost),
            Err(error) => {
                tracing::warn!(?error, reply_id = %self.new.reply_id, "a reply could not be saved; it goes on");
                None
            }
        }
    }

    async fn end(mut self, outcome: Outcome) {
        let usage = self.usage(outcome.is_whole());
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
                Ok(true) => last,
                Ok(false) => outcome::lost(),
                Err(error) => {
                    tracing::error!(?error, reply_id = %self.new.reply_id, "the end of a reply could not be stored");
                    outcome::not_stored()
                }
            },
        };
        let parts = self.open_block(Block::None).chain([last]);
        self.guard.live.push(parts);
    }

    async fn store(&self, ending: &Ending) -> base::Result<bool> {
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

    /// What the provider told, or an estimate from the length of the texts. What was told before the end of a
    /// reply that broke off leaves out what came after, so the estimate completes it.
    fn usage(&self, is_whole: bool) -> Usage {
        let tokens = |bytes: usize| i64::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(i64::MAX);
        let told = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let (input, output) = (tokens(self.input_bytes), tokens(self.content.len()));
        match self.usage {
            Some(TokenUsage { input_tokens, output_tokens }) if is_whole => {
                Usage { input_tokens: told(input_tokens), output_tokens: told(output_tokens), estimated: false }
            }
            Some(TokenUsage { input_tokens, output_tokens }) => Usage {
                input_tokens: if input_tokens == 0 { input } else { told(input_tokens) },
                output_tokens: told(output_tokens).max(output),
                estimated: true,
            },
            None => Usage { input_tokens: input, output_tokens: output, estimated: true },
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
            self.live.push([Part::Error { code: "internal", detail }]);
        }
        self.app.live.remove(self.conversation_id, &self.live);
        self.live.end();
    }
}
