//! `local/demo`: answers when no provider is configured, so that everything can be tried without an
//! account. It says what it is; it never pretends to think.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::chat::{ChatPrompt, FinishReason, ReplyEvent, Role, TokenUsage};
use crate::reply_stream::ReplyStream;

/// The pause between two words: quick, but visibly streamed.
pub const WORD_PAUSE: Duration = Duration::from_millis(15);
/// How many of the person's words the reply repeats.
const QUOTED_WORDS_MAX: usize = 12;

/// The built-in model. The same prompt always gets the same reply.
#[derive(Debug, Clone)]
pub struct DemoModel {
    word_pause: Duration,
}

impl DemoModel {
    /// A demo model that pauses so long before each word but the first.
    pub fn new(word_pause: Duration) -> Self {
        Self { word_pause }
    }

    /// Answers. Usage counts words, as there are no tokens.
    pub fn stream(&self, prompt: &ChatPrompt) -> ReplyStream {
        let text = reply_text(prompt);
        let all: VecDeque<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        let words_max = prompt.output_tokens_max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
        let finish_reason = if all.len() > words_max { FinishReason::Length } else { FinishReason::Stop };
        let words: VecDeque<String> = all.into_iter().take(words_max).collect();
        let asked = prompt.system.iter().chain(prompt.turns.iter().map(|turn| &turn.text));
        let usage = TokenUsage {
            input_tokens: asked.map(|text| count(text.split_whitespace().count())).sum(),
            output_tokens: count(words.len()),
        };
        ReplyStream::demo(DemoReply {
            words,
            usage,
            finish_reason,
            pause: self.word_pause,
            next_word: Box::pin(sleep(Duration::ZERO)),
        })
    }
}

fn count(words: usize) -> u64 {
    u64::try_from(words).unwrap_or(u64::MAX)
}

fn reply_text(prompt: &ChatPrompt) -> String {
    let asked = prompt.turns.iter().rev().find(|turn| turn.role == Role::User).map_or("", |turn| turn.text.as_str());
    let mut words = asked.split_whitespace();
    let mut quoted = words.by_ref().take(QUOTED_WORDS_MAX).collect::<Vec<_>>().join(" ");
    if words.next().is_some() {
        quoted.push('…');
    }
    format!(
        "This is Almanac's built-in demo model: no model provider is configured, so nothing here was thought up by \
         an AI. You wrote: “{quoted}” To get real answers, set OPENAI_API_KEY, ANTHROPIC_API_KEY, XAI_API_KEY or \
         OPENROUTER_API_KEY, or point OPENAI_BASE_URL at a local server such as Ollama."
    )
}

/// A reply of the demo model on its way out.
#[derive(Debug)]
pub(crate) struct DemoReply {
    words: VecDeque<String>,
    usage: TokenUsage,
    finish_reason: FinishReason,
    pause: Duration,
    next_word: Pin<Box<Sleep>>,
}

impl DemoReply {
    /// The next word, or the usage and the end after the last.
    pub(crate) fn poll_words(&mut self, cx: &mut Context<'_>) -> Poll<Vec<ReplyEvent>> {
        ready!(self.next_word.as_mut().poll(cx));
        let Some(word) = self.words.pop_front() else {
            return Poll::Ready(vec![ReplyEvent::Usage(self.usage), ReplyEvent::Finished(self.finish_reason)]);
        };
        self.next_word.as_mut().reset(Instant::now() + self.pause);
        Poll::Ready(vec![ReplyEvent::Text(word)])
    }
}
