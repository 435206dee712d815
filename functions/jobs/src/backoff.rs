//! How long a failed entry waits.

use std::time::Duration;

/// The wait after this many attempts: doubling from `first`, at most `longest`, and spread over its upper half by
/// `fraction` (0 to 1), so that what failed together does not come back together.
pub(crate) fn backoff(first: Duration, longest: Duration, attempts: i16, fraction: f64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or_default().min(30);
    spread(first.saturating_mul(1 << doublings).min(longest), fraction)
}

/// A wait between half of this and the whole.
pub(crate) fn spread(wait: Duration, fraction: f64) -> Duration {
    wait.mul_f64(0.5 + 0.5 * fraction.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(attempts: i16, fraction: f64, seconds: f64) {
        let (first, longest) = (Duration::from_secs(5), Duration::from_hours(1));
        assert_eq!(backoff(first, longest, attempts, fraction), Duration::from_secs_f64(seconds), "{attempts}");
    }

    #[test]
    fn doubles_within_its_bounds() {
        check(1, 1.0, 5.0);
        check(1, 0.0, 2.5);
        check(2, 1.0, 10.0);
        check(10, 1.0, 2560.0);
        check(11, 1.0, 3600.0);
        check(11, 0.5, 2700.0);
        check(i16::MAX, 1.0, 3600.0);
        check(0, 1.0, 5.0);
    }
}
