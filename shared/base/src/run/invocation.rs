//! What surrounds the answer to an event: its ids in the log, its time, and the work that goes on after it.

use std::time::Duration;

use jiff::Timestamp;
use lambda_http::Context;
use tokio::time::Instant;

use super::event::of_invocation;
use super::with_causes;
use crate::request::Request;
use crate::{Clock, background};

/// Assumed where the deadline is no real one: `cargo lambda watch` sends the same moment of 1970 with each event.
const UNTOLD: Duration = Duration::from_mins(1);
/// Kept back, so that Lambda hears of the end in time. What takes longer is frozen, not killed, by ending early.
const KEPT_BACK: Duration = Duration::from_millis(500);

/// One invocation, as its event has come.
pub(super) struct Invocation {
    until: Instant,
    request: Request,
}

impl Invocation {
    pub(super) fn of(context: &Context) -> Self {
        let clock = Clock::system();
        let until = Instant::now() + time_left(context, clock.now()).saturating_sub(KEPT_BACK);
        Self { until, request: Request::from_headers(&of_invocation(context), clock.new_id()) }
    }

    /// Answers, and waits for the work that goes on, for as long as the invocation may run.
    ///
    /// Lambda has an answer as soon as it was sent, so no client waits for that work. It freezes the process when the
    /// next event is asked for, which must not be in the middle of a transaction or a report.
    ///
    /// It never fails: an answer that does not arrive is the invocation's trouble alone, and a Runtime API that is
    /// gone shows when the next event is asked for.
    pub(super) async fn run(
        self,
        answering: impl Future<Output = Result<(), lambda_http::Error>>,
    ) -> Result<(), lambda_http::Error> {
        let whole = async {
            if let Err(error) = answering.await {
                tracing::error!(error = with_causes(error.as_ref()), "the answer could not be sent");
            }
            if tokio::time::timeout_at(self.until, background::finished()).await.is_err() {
                tracing::warn!("work is left unfinished at the end of the invocation's time");
            }
        };
        self.request.scope(whole).await;
        Ok(())
    }
}

/// How long the invocation may run, as seen when its event has come.
pub(super) fn time_left(context: &Context, now: Timestamp) -> Duration {
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
    context.deadline.checked_sub(now_ms).map_or(UNTOLD, Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(deadline: u64, expected: Duration) {
        let now = Timestamp::from_millisecond(1_795_219_200_000).expect("a time");
        let mut context = Context::default();
        context.deadline = deadline;
        assert_eq!(time_left(&context, now), expected, "{deadline}");
    }

    #[test]
    fn is_what_lambda_tells() {
        check(1_795_219_228_000, Duration::from_secs(28));
        check(1_795_219_200_000, Duration::ZERO);
    }

    #[test]
    fn does_not_trust_a_deadline_of_the_past() {
        check(600_000, UNTOLD);
        check(0, UNTOLD);
    }
}
