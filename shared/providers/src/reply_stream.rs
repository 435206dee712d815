//! A reply as it arrives, whichever vendor it comes from.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use http_body_util::{BodyDataStream, BodyExt};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::anthropic::MessagesReader;
use crate::chat::ReplyEvent;
use crate::demo::DemoReply;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::openai::CompletionsReader;
use crate::retry::CallLimits;
use crate::sse::SseDecoder;

/// The events of one reply. It ends after [`ReplyEvent::Finished`] or an error, and always with one of
/// them: a reply that just stops is an error. Dropping it ends the call.
#[derive(Debug)]
pub struct ReplyStream {
    source: Source,
    /// Events that were read but not handed out.
    queue: VecDeque<ReplyEvent>,
    /// What went wrong after the events in the queue.
    failure: Option<ProviderError>,
    /// A text or reasoning has been handed out, so a failure from now on breaks a begun reply.
    begun: bool,
    ended: bool,
}

#[derive(Debug)]
enum Source {
    Http(Box<HttpReply>),
    Demo(DemoReply),
    /// Everything is in the queue.
    Whole,
}

/// What a vendor's reader made of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More is to come.
    Going,
    /// The last event of the reply is in the queue.
    Ended,
}

/// The vendor's way of putting a reply into an event stream.
#[derive(Debug)]
pub(crate) enum Reader {
    Completions(CompletionsReader),
    Messages(MessagesReader),
}

#[derive(Debug)]
struct HttpReply {
    body: BodyDataStream<reqwest::Body>,
    decoder: SseDecoder,
    reader: Reader,
    /// Until when more must have come.
    patience: Pin<Box<Sleep>>,
    idle_timeout: Duration,
    /// When it is over, whatever has come.
    deadline: Instant,
}

impl ReplyStream {
    /// Reads an answer's event stream up to its first event, so that a failure before it can be retried.
    pub(crate) async fn open(
        answer: reqwest::Response,
        reader: Reader,
        limits: &CallLimits,
    ) -> Result<Self, ProviderError> {
        let now = Instant::now();
        let reply = HttpReply {
            body: http::Response::from(answer).into_body().into_data_stream(),
            decoder: SseDecoder::new(),
            reader,
            patience: Box::pin(sleep_until(now + limits.chunk_idle_timeout)),
            idle_timeout: limits.chunk_idle_timeout,
            deadline: now + limits.reply_time_max,
        };
        let mut stream = Self::from_source(Source::Http(Box::new(reply)));
        match stream.next().await {
            Some(Ok(event)) => stream.queue.push_front(event),
            Some(Err(error)) => return Err(error),
            None => return Err(ProviderError::new(ProviderErrorKind::Interrupted)),
        }
        // It may just have read the last event, which is to be handed out again.
        stream.ended = false;
        Ok(stream)
    }

    /// A reply that is already whole; the last event must be `Finished`.
    pub(crate) fn whole(events: impl IntoIterator<Item = ReplyEvent>) -> Self {
        Self { queue: events.into_iter().collect(), ..Self::from_source(Source::Whole) }
    }

    /// The built-in model's reply.
    pub(crate) fn demo(reply: DemoReply) -> Self {
        Self::from_source(Source::Demo(reply))
    }

    fn from_source(source: Source) -> Self {
        Self { source, queue: VecDeque::new(), failure: None, begun: false, ended: false }
    }

    /// A failure after the reply began is an interruption, unless it says more as it is.
    fn place_error(&self, error: ProviderError) -> ProviderError {
        match error.kind() {
            ProviderErrorKind::Timeout | ProviderErrorKind::Malformed => error,
            _ if self.begun => error.into_kind(ProviderErrorKind::Interrupted),
            _ => error,
        }
    }
}

impl Stream for ReplyStream {
    type Item = Result<ReplyEvent, ProviderError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.ended {
                return Poll::Ready(None);
            }
            if let Some(event) = this.queue.pop_front() {
                this.begun |= matches!(event, ReplyEvent::Text(_) | ReplyEvent::Reasoning(_));
                this.ended = matches!(event, ReplyEvent::Finished(_));
                return Poll::Ready(Some(Ok(event)));
            }
            if let Some(error) = this.failure.take() {
                this.ended = true;
                return Poll::Ready(Some(Err(this.place_error(error))));
            }
            let read = match &mut this.source {
                Source::Http(reply) => ready!(reply.poll_read(cx, &mut this.queue)),
                Source::Demo(reply) => {
                    this.queue.extend(ready!(reply.poll_words(cx)));
                    Ok(())
                }
                Source::Whole => Err(ProviderError::new(ProviderErrorKind::Interrupted)),
            };
            this.failure = read.err();
        }
    }
}

impl HttpReply {
    /// Reads the next chunk into the queue. What came before an error is in the queue all the same.
    fn poll_read(&mut self, cx: &mut Context<'_>, queue: &mut VecDeque<ReplyEvent>) -> Poll<Result<(), ProviderError>> {
        match self.body.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                let now = Instant::now();
                if now >= self.deadline {
                    let error = ProviderError::new(ProviderErrorKind::Timeout).with_source("the reply took too long");
                    return Poll::Ready(self.end(queue, error));
                }
                self.patience.as_mut().reset((now + self.idle_timeout).min(self.deadline));
                self.decoder.push(chunk);
                Poll::Ready(self.read_events(queue).map(|_| ()))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(self.end(queue, ProviderError::from_transport(error))),
            Poll::Ready(None) => {
                let error = ProviderError::new(ProviderErrorKind::Interrupted).with_source("no terminator");
                Poll::Ready(self.end(queue, error))
            }
            Poll::Pending => {
                ready!(self.patience.as_mut().poll(cx));
                let error = ProviderError::new(ProviderErrorKind::Timeout).with_source("the reply stalled");
                Poll::Ready(self.end(queue, error))
            }
        }
    }

    fn read_events(&mut self, queue: &mut VecDeque<ReplyEvent>) -> Result<Progress, ProviderError> {
        while let Some(event) = self.decoder.next_event()? {
            let progress = match &mut self.reader {
                Reader::Completions(reader) => reader.read(event.data, queue)?,
                Reader::Messages(reader) => reader.read(event.data, queue)?,
            };
            if progress == Progress::Ended {
                return Ok(progress);
            }
        }
        Ok(Progress::Going)
    }

    /// No more bytes come: the reply is whole if the vendor's protocol says so, else this is the error.
    fn end(&mut self, queue: &mut VecDeque<ReplyEvent>, error: ProviderError) -> Result<(), ProviderError> {
        let is_whole = match &mut self.reader {
            Reader::Completions(reader) => reader.finish(queue),
            Reader::Messages(_) => false,
        };
        if is_whole { Ok(()) } else { Err(error) }
    }
}
