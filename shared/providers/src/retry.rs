//! When and how long to wait before a call is tried again. Nothing is retried once a reply has begun.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZeroU64;
use std::time::Duration;

use base::config::{ConfigError, Env};
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use crate::error::{ProviderError, ProviderErrorKind};

/// How often a call is made in total.
pub const ATTEMPTS_MAX: u32 = 3;
/// The wait before the second attempt when the vendor names none; it doubles from there.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// The longest wait between two attempts. Somebody is waiting for the answer.
pub const RETRY_WAIT_MAX: Duration = Duration::from_secs(8);
/// How long a vendor may take to answer with a status.
pub const FIRST_BYTE_TIMEOUT: Duration = Duration::from_mins(2);
/// How long a reply may pause between two chunks. Vendors' keep-alive comments count as chunks.
pub const CHUNK_IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a reply may take from its first byte, however steadily it comes. Lambda ends whatever has run for 15 minutes,
/// of which a deployment may give up to 280 seconds to the first byte.
pub const REPLY_TIME_MAX: Duration = Duration::from_mins(10);

/// A vendor's own word on whether a retry makes sense.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// A finer `retry-after`, in milliseconds.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// The limits of one call. The default has this module's constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// See [`ATTEMPTS_MAX`].
    pub attempts_max: u32,
    /// See [`BACKOFF_FIRST`].
    pub backoff_first: Duration,
    /// See [`RETRY_WAIT_MAX`].
    pub retry_wait_max: Duration,
    /// See [`FIRST_BYTE_TIMEOUT`].
    pub first_byte_timeout: Duration,
    /// See [`CHUNK_IDLE_TIMEOUT`].
    pub chunk_idle_timeout: Duration,
    /// See [`REPLY_TIME_MAX`].
    pub reply_time_max: Duration,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            attempts_max: ATTEMPTS_MAX,
            backoff_first: BACKOFF_FIRST,
            retry_wait_max: RETRY_WAIT_MAX,
            first_byte_timeout: FIRST_BYTE_TIMEOUT,
            chunk_idle_timeout: CHUNK_IDLE_TIMEOUT,
            reply_time_max: REPLY_TIME_MAX,
        }
    }
}

impl CallLimits {
    /// Reads `PROVIDER_FIRST_BYTE_TIMEOUT_MS` (default 120,000) and `PROVIDER_IDLE_TIMEOUT_MS` (default 60,000).
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self {
            first_byte_timeout: timeout(env, "PROVIDER_FIRST_BYTE_TIMEOUT_MS", FIRST_BYTE_TIMEOUT)?,
            chunk_idle_timeout: timeout(env, "PROVIDER_IDLE_TIMEOUT_MS", CHUNK_IDLE_TIMEOUT)?,
            ..Self::default()
        })
    }
}

/// A time in milliseconds.
fn timeout(env: &Env, name: &str, default: Duration) -> Result<Duration, ConfigError> {
    let default_ms = u64::try_from(default.as_millis()).ok().and_then(NonZeroU64::new).unwrap_or(NonZeroU64::MAX);
    env.parse_or(name, default_ms).map(|ms| Duration::from_millis(ms.get()))
}

/// Makes attempts until one succeeds, fails for good, or the limits are reached.
pub(crate) async fn with_retries<T, F: Future<Output = Result<T, ProviderError>>>(
    limits: &CallLimits,
    mut attempt: impl FnMut() -> F,
) -> Result<T, ProviderError> {
    let mut made = 0;
    loop {
        made += 1;
        let error = match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if !error.is_retryable() || made >= limits.attempts_max => return Err(error),
            Err(error) => error,
        };
        let wait = error.retry_after().unwrap_or_else(|| backoff(limits, made, random_fraction()));
        if wait > limits.retry_wait_max {
            // Whatever the status was, the vendor lets nobody in until then.
            return Err(error.into_kind(ProviderErrorKind::RateLimited));
        }
        tracing::warn!(
            attempt = made,
            kind = error.kind().as_str(),
            status = error.status(),
            ?wait,
            "provider retried"
        );
        tokio::time::sleep(wait).await;
    }
}

/// The wait after the given number of attempts: exponential, bounded, and spread over its upper
/// quarter by `jitter` (0 to 1), so that many callers do not come back at once and each wait is longer than
/// the one before.
fn backoff(limits: &CallLimits, made: u32, jitter: f64) -> Duration {
    let doubled = limits.backoff_first.saturating_mul(1 << (made - 1).min(16));
    doubled.min(limits.retry_wait_max).mul_f64(0.75 + 0.25 * jitter.clamp(0.0, 1.0))
}

/// A number from 0 to 1. The standard library seeds each hasher at random, which is random enough to
/// spread retries and needs no dependency.
fn random_fraction() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

/// The vendor's headers decide about the retry and its wait where they speak.
pub(crate) fn apply_headers(error: ProviderError, headers: &HeaderMap) -> ProviderError {
    let error = error.with_retry_after(retry_after(headers));
    match headers.get(SHOULD_RETRY).map(HeaderValue::as_bytes) {
        Some(b"true") => error.with_retryable(true),
        Some(b"false") => error.with_retryable(false),
        _ => error,
    }
}

/// `retry-after-ms`, else `retry-after` in seconds or as a date. A date is measured from the answer's
/// own `date`, so the vendor's clock need not agree with ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let milliseconds = text(RETRY_AFTER_MS).and_then(|value| value.trim().parse::<f64>().ok());
    if let Some(wait) = milliseconds.and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok()) {
        return Some(wait);
    }
    let value = text(RETRY_AFTER)?.trim();
    if let Some(wait) = value.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        return Some(wait);
    }
    let parser = DateTimeParser::new();
    let until = parser.parse_timestamp(value).ok()?;
    let now = parser.parse_timestamp(text(DATE)?).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_retry_after() {
        let check = |pairs: &[(&str, &str)], expected: Option<u64>| {
            let pairs = pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
            assert_eq!(retry_after(&pairs.collect()), expected.map(Duration::from_millis));
        };
        let date = ("date", "Sat, 21 Nov 2026 10:00:00 GMT");
        check(&[], None);
        check(&[("retry-after", "2")], Some(2000));
        check(&[("retry-after", "0.5")], Some(500));
        check(&[("retry-after-ms", "70"), ("retry-after", "2")], Some(70));
        check(&[("retry-after", "Sat, 21 Nov 2026 10:01:00 GMT"), date], Some(60_000));
        check(&[("retry-after", "Sat, 21 Nov 2026 09:00:00 GMT"), date], Some(0));
        check(&[("retry-after", "Sat, 21 Nov 2026 10:01:00 GMT")], None);
        check(&[("retry-after", "-3")], None);
        check(&[("retry-after", "soon")], None);
    }

    #[test]
    fn backoff_doubles_within_its_bounds() {
        let limits = CallLimits::default();
        let check = |made, jitter, ms| assert_eq!(backoff(&limits, made, jitter), Duration::from_millis(ms));
        check(1, 0.0, 375);
        check(1, 1.0, 500);
        check(2, 1.0, 1000);
        check(40, 1.0, 8000);
        assert!((0.0..=1.0).contains(&random_fraction()));
    }
}
