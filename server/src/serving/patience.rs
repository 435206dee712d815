//! How long clients are waited for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long clients are waited for. The defaults are the program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long the head of a request may take, from the connection's beginning or the end of the answer before. So it
    /// is also how long a kept connection may rest. The default of 75 seconds is more than the 60 for which load
    /// balancers keep one (AWS's and nginx's by default), so that it is they who close it, and never while they ask.
    pub head: Duration,
    /// How long nothing more of a body may come, by default 30 seconds.
    pub pause: Duration,
    /// How much of a body has to come in each second, but for one such pause: by default 500 bytes, as Apache's
    /// `mod_reqtimeout` has it.
    pub bytes_per_second: u32,
    /// How long nothing more of an answer may be taken, by default 60 seconds, as nginx has it.
    pub unread: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { head: seconds(75), pause: seconds(30), bytes_per_second: 500, unread: seconds(60) }
    }
}

impl Patience {
    /// When to give up a body that was begun to be read then, and of which so many bytes have come by now.
    fn deadline(&self, begun: Instant, now: Instant, bytes: u64) -> Instant {
        let seconds = bytes / u64::from(self.bytes_per_second.max(1));
        (begun + Duration::from_secs(seconds)).min(now) + self.pause
    }
}

/// A request's body that fails with [`io::ErrorKind::TimedOut`] when it takes too long to come.
pub(super) struct PatientBody<B> {
    body: B,
    patience: Patience,
    /// When it was first asked for, which is when the client's time begins.
    begun: Option<Instant>,
    bytes: u64,
    /// Set while it is waited for.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<B> PatientBody<B> {
    pub(super) fn new(body: B, patience: Patience) -> Self {
        Self { body, patience, begun: None, bytes: 0, alarm: None }
    }
}

impl<B> HttpBody for PatientBody<B>
where
    B: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Unpin,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        let begun = *this.begun.get_or_insert_with(Instant::now);
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.alarm = None;
            if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                this.bytes += u64::try_from(data.len()).unwrap_or(u64::MAX);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        let deadline = || this.patience.deadline(begun, Instant::now(), this.bytes);
        ready!(this.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline()))).as_mut().poll(cx));
        Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether so many bytes after so many seconds are waited for a whole pause, or less.
    fn check(bytes: u64, after_seconds: u64, expected_seconds: u64) {
        let begun = Instant::now();
        let now = begun + Duration::from_secs(after_seconds);
        let waits = Patience::default().deadline(begun, now, bytes).saturating_duration_since(now);
        assert_eq!(waits.as_secs(), expected_seconds, "{bytes} bytes after {after_seconds} s");
    }

    #[test]
    fn who_sends_steadily_may_pause_and_who_dribbles_may_not() {
        check(0, 0, 30);
        check(1_000_000, 10, 30);
        check(500, 1, 30);
        check(500, 21, 10);
        check(20, 29, 1);
        check(20, 40, 0);
    }
}
