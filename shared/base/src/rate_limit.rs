//! Limits on how often something may be done, per user or per address.
//!
//! The algorithm is GCRA (a leaky bucket as one timestamp per key): a key may do `quota` things at once
//! and regains them evenly over the window. State is in this process's memory and bounded; a key that is
//! dropped because of the bound starts afresh. Answers carry the `RateLimit` and `RateLimit-Policy`
//! headers of draft-ietf-httpapi-ratelimit-headers.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::config::Env;
use crate::{Clock, Error, Result};

/// How many keys are remembered at once.
const KEYS_MAX: usize = 100_000;

/// One named limit.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The name in the `RateLimit-Policy` header, and part of every key.
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
    arrivals: Arc<Mutex<HashMap<(&'static str, String), i64>>>,
}

impl Limiter {
    /// A limiter that counts in this process. `RATE_LIMIT_SCALE` (a whole number, default 1) multiplies every
    /// quota, for load tests and for operators who know their users.
    pub fn from_env(env: &Env, clock: Clock) -> Result<Self> {
        Ok(Self { clock, scale: env.parse_or("RATE_LIMIT_SCALE", 1)?, arrivals: Arc::default() })
    }

    /// Lets one more through, or answers 429 with the wait. It is asynchronous because a shared store is.
    #[expect(clippy::unused_async, reason = "callers are written for a store that is asked over the network")]
    pub async fn take(&self, policy: Policy, key: &str) -> Result<Allowance> {
        let policy = Policy { quota: policy.quota.saturating_mul(self.scale).max(1), ..policy };
        let now_us = self.clock.now().as_microsecond();
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        if arrivals.len() >= KEYS_MAX {
            forget(&mut arrivals, now_us);
        }
        let theoretical = arrivals.entry((policy.name, key.to_owned())).or_insert(now_us);
        match admit(policy, *theoretical, now_us) {
            Ok((next, allowance)) => {
                *theoretical = next;
                Ok(allowance)
            }
            Err(wait_us) => Err(exceeded(policy, wait_us.unsigned_abs().div_ceil(1_000_000).max(1))),
        }
    }
}

impl Allowance {
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

/// GCRA on microseconds: the new theoretical arrival time, or how long to wait.
fn admit(policy: Policy, theoretical_us: i64, now_us: i64) -> Result<(i64, Allowance), i64> {
    let window_us = i64::try_from(policy.window.as_micros()).unwrap_or(i64::MAX / 4);
    let quota = i64::from(policy.quota.max(1));
    let step_us = (window_us / quota).max(1);
    let next = theoretical_us.max(now_us) + step_us;
    let over_us = next - now_us - step_us * quota;
    if over_us > 0 {
        return Err(over_us);
    }
    let used_us = next - now_us;
    let remaining = u32::try_from((step_us * quota - used_us) / step_us).unwrap_or_default();
    let reset_seconds = used_us.unsigned_abs().div_ceil(1_000_000);
    Ok((next, Allowance { policy, remaining, reset_seconds }))
}

/// Drops keys that are back to their full quota, or all of them when a flood of fresh keys leaves none.
fn forget<K: Hash + Eq>(arrivals: &mut HashMap<K, i64>, now_us: i64) {
    arrivals.retain(|_, theoretical| *theoretical > now_us);
    if arrivals.len() >= KEYS_MAX {
        arrivals.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { name: "test", quota: 3, window: Duration::from_secs(30) };

    #[tokio::test]
    async fn lets_the_quota_through_and_regains_it_evenly() {
        let clock = Clock::system();
        let limiter = Limiter::from_env(&Env::default(), clock.clone()).expect("no settings");
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

    proptest::proptest! {
        /// No schedule of calls gets more than the quota plus what was regained.
        #[test]
        fn never_more_than_quota_plus_regained(gaps_us in proptest::collection::vec(0_i64..20_000_000, 1..60)) {
            let (mut now, mut theoretical, mut admitted) = (0_i64, 0_i64, 0_i64);
            for gap in gaps_us {
                now += gap;
                if let Ok((next, _)) = admit(POLICY, theoretical, now) {
                    theoretical = next;
                    admitted += 1;
                }
                proptest::prop_assert!(admitted <= 3 + now / 10_000_000);
            }
        }
    }
}
