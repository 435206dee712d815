//! How long an invocation may run yet, and waiting within that for what goes on after its answer.

use std::time::Duration;

use jiff::Timestamp;
use lambda_http::Context;
use tokio::time::Instant;

use crate::background;

/// Assumed where the deadline is no real one: `cargo lambda watch` sends the same moment of 1970 with each event.
const UNTOLD: Duration = Duration::from_mins(1);
/// Kept back, so that Lambda hears of the end in time. What takes longer is frozen, not killed, by ending early.
const KEPT_BACK: Duration = Duration::from_millis(500);

/// How long the invocation may run, as seen when its event has come.
pub(super) fn time_left(context: &Context, now: Timestamp) -> Duration {
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
    context.deadline.checked_sub(now_ms).map_or(UNTOLD, Duration::from_millis)
}

/// Waits for the work that goes on after the answer, for as long as the invocation may run.
///
/// Lambda has an answer as soon as it was sent, so no client waits for this. It freezes the process when the next
/// event is asked for, which must not be in the middle of a transaction or a report.
pub(super) async fn finish_work(until: Instant) {
    let until = until.checked_sub(KEPT_BACK).unwrap_or(until);
    if tokio::time::timeout_at(until, background::finished()).await.is_err() {
        tracing::warn!("work is left unfinished at the end of the invocation's time");
    }
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
