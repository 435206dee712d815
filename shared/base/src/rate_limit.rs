//! Limits on how often something may be done, per user or per address.
//!
//! The algorithm is GCRA (a leaky bucket as one timestamp per key): a key may do `quota` things at once
//! and regains them evenly over the window. The count is in the short-lived [`Store`], which all processes share
//! on AWS. While it does not answer, each process counts for itself, from what it knows: nothing is unlimited then,
//! nothing is refused because of it, and no request waits for it but the one in some seconds that tries again.
//! Answers carry the `RateLimit` and `RateLimit-Policy` headers of draft-ietf-httpapi-ratelimit-headers.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::config::Env;
use crate::error::in_one_line;
use crate::store::{Admission, Key, Pace, Store, StoreError};
use crate::{Clock, Error, Result};

/// How long a store that did not answer is left alone, in microseconds.
const LEFT_ALONE_US: i64 = 5_000_000;
/// How often it is said that it does not answer, in microseconds.
const WARNING_INTERVAL_US: i64 = 60_000_000;

/// One named limit.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The name in the `RateLimit-Policy` header, and the space of its keys in the store.
    pub name: &'static str,
    /// How many may happen at once, at least 1.
    pub quota: u32,
    /// The time in which that many are regained.
    pub window: Duration,
}

/// What is left after one more was let through.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// The limit that applies.
    policy: Policy,
    /// How many more may follow at once.
    pub remaining: u32,
    /// Until all of the quota is back, in seconds, rounded up.
    pub reset_seconds: u64,
}

/// Counts how often keys are used. Clones share the counts.
#[derive(Debug, Clone)]
pub struct Limiter {
    clock: Clock,
    scale: u32,
    store: Store,
    outage: Arc<Outage>,
}

/// What is known about a store that does not answer. Times are in microseconds since 1970; 0 is never.
#[derive(Debug, Default)]
struct Outage {
    left_alone_until_us: AtomicI64,
    warned_us: AtomicI64,
}

impl Limiter {
    /// A limiter that counts in this store. `RATE_LIMIT_SCALE` (a whole number from 1, which is the default) multiplies every
    /// quota, for load tests and for operators who know their users.
    pub fn from_env(env: &Env, clock: Clock, store: Store) -> Result<Self> {
        let scale = env.parse_or("RATE_LIMIT_SCALE", NonZeroU32::MIN)?.get();
        Ok(Self { clock, scale, store, outage: Arc::default() })
    }

    /// Lets one more through, or answers 429 with the wait. The key may tell a person: the store sees its hash.
    pub async fn take(&self, policy: Policy, key: &str) -> Result<Allowance> {
        let policy = Policy { quota: policy.quota.saturating_mul(self.scale), ..policy };
        let pace = policy.pace();
        match self.admit(&Key::new(policy.name, key), pace).await {
            Admission::Admitted { until_idle } => Ok(Allowance::after(policy, pace, until_idle)),
            Admission::Refused { wait } => Err(exceeded(policy, seconds_up(wait).max(1))),
        }
    }

    async fn admit(&self, key: &Key, pace: Pace) -> Admission {
        let now_us = self.clock.now().as_microsecond();
        if self.outage.may_ask(now_us) {
            match self.store.admit(key, pace).await {
                Ok(admission) => {
                    self.outage.end();
                    return admission;
                }
                Err(error) => self.outage.begin(&error, self.clock.now().as_microsecond()),
            }
        }
        self.store.admit_here(key, pace)
    }
}

impl Outage {
    /// Whether the store is to be asked: always, unless it did not answer; then by one request at a time, now and
    /// then.
    fn may_ask(&self, now_us: i64) -> bool {
        let until_us = self.left_alone_until_us.load(Ordering::Relaxed);
        let next_us = now_us + LEFT_ALONE_US;
        let ours = |until_us| {
            self.left_alone_until_us.compare_exchange(until_us, next_us, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        until_us == 0 || (until_us <= now_us && ours(until_us))
    }

    fn begin(&self, error: &StoreError, now_us: i64) {
        self.left_alone_until_us.store(now_us + LEFT_ALONE_US, Ordering::Relaxed);
        let warned_us = self.warned_us.load(Ordering::Relaxed);
        if now_us - warned_us >= WARNING_INTERVAL_US {
            self.warned_us.store(now_us, Ordering::Relaxed);
            let cause = in_one_line(error);
            tracing::warn!(cause, "the short-lived store does not answer; limits are counted in this process");
        }
    }

    fn end(&self) {
        // Healthy is the usual case, and a plain read there keeps the line of memory shared.
        if self.left_alone_until_us.load(Ordering::Relaxed) != 0 {
            self.left_alone_until_us.store(0, Ordering::Relaxed);
            tracing::info!("the short-lived store answers again");
        }
    }
}

impl Policy {
    fn pace(self) -> Pace {
        // Whole microseconds, which is what the store counts in.
        let step_us = (self.window / self.quota).as_micros().max(1);
        Pace { step: Duration::from_micros(u64::try_from(step_us).unwrap_or(u64::MAX)), burst: self.quota }
    }
}

impl Allowance {
    /// What is left when all of the quota is back after this time.
    fn after(policy: Policy, pace: Pace, until_idle: Duration) -> Self {
        let left = (pace.step * pace.burst).saturating_sub(until_idle);
        let remaining = u32::try_from(left.as_micros() / pace.step.as_micros()).unwrap_or(u32::MAX);
        Self { policy, remaining, reset_seconds: seconds_up(until_idle) }
    }

    /// The two headers that tell a client where it stands.
    pub fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        let Policy { name, quota, window } = self.policy;
        let policy = format!("\"{name}\";q={quota};w={}", window.as_secs());
        let state = format!("\"{name}\";r={};t={}", self.remaining, self.reset_seconds);
        let value = |text: String| HeaderValue::try_from(text).expect("a policy's name is plain ASCII");
        [
            (HeaderName::from_static("ratelimit-policy"), value(policy)),
            (HeaderName::from_static("ratelimit"), value(state)),
        ]
    }
}

fn exceeded(policy: Policy, wait_seconds: u64) -> Error {
    let detail = format!("Too many requests. Try again in {wait_seconds} s.");
    let state = Allowance { policy, remaining: 0, reset_seconds: wait_seconds };
    let error = Error::too_many_requests(detail, wait_seconds);
    state.headers().into_iter().fold(error, |error, (name, value)| error.with_header(name, value))
}

/// Whole seconds, rounded up.
fn seconds_up(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { name: "test", quota: 3, window: Duration::from_secs(30) };

    #[tokio::test]
    async fn lets_the_quota_through_and_regains_it_evenly() {
        let clock = Clock::system();
        let store = Store::memory(clock.clone());
        let limiter = Limiter::from_env(&Env::default(), clock.clone(), store).expect("no settings");
        for remaining in [2, 1, 0] {
            assert_eq!(limiter.take(POLICY, "a").await.expect("within the quota").remaining, remaining);
        }
        let error = limiter.take(POLICY, "a").await.expect_err("over the quota");
        assert_eq!(error.status().as_u16(), 429);
        assert!(matches!(error.problem().retry_after_seconds, Some(9..=10)), "{:?}", error.problem());
        assert!(limiter.take(POLICY, "b").await.is_ok(), "another key has its own quota");
        clock.advance(Duration::from_secs(10));
        assert!(limiter.take(POLICY, "a").await.is_ok());
        assert!(limiter.take(POLICY, "a").await.is_err());
    }

    #[test]
    fn a_store_that_is_away_is_asked_by_one_now_and_then() {
        let outage = Outage::default();
        let error = StoreError::Away("no answer".into());
        assert!(outage.may_ask(1) && outage.may_ask(1));
        outage.begin(&error, 1);
        assert!(!outage.may_ask(2));
        let later = 1 + LEFT_ALONE_US;
        assert!(outage.may_ask(later) && !outage.may_ask(later), "one tries, the others go on without");
        assert!(outage.may_ask(later + LEFT_ALONE_US), "the one that tried was never heard of again");
        outage.end();
        assert!(outage.may_ask(later) && outage.may_ask(later));
    }
}
