//! How often something may happen, and whether once more it may.

use std::time::Duration;

/// How often something may happen: as GCRA counts it, a leaky bucket as one timestamp per key.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The time in which one more is regained.
    pub step: Duration,
    /// How many may happen at once, at least 1.
    pub burst: u32,
}

/// Whether one more may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admitted {
        /// Until all of the burst is regained.
        until_idle: Duration,
    },
    /// It may not.
    Refused {
        /// Until one more may.
        wait: Duration,
    },
}

impl Pace {
    pub(super) fn step_us(self) -> i64 {
        i64::try_from(self.step.as_micros()).unwrap_or(i64::MAX / 8).clamp(1, i64::MAX / 8)
    }

    /// All of the burst, as time.
    pub(super) fn burst_us(self) -> i64 {
        self.step_us().saturating_mul(i64::from(self.burst.max(1))).min(i64::MAX / 4)
    }

    /// The latest arrival time that a key may be booked until for one more to be let through now.
    pub(super) fn latest_us(self, now_us: i64) -> i64 {
        now_us + self.burst_us() - self.step_us()
    }
}

impl Admission {
    /// Let through, which booked the key until this time.
    pub(super) fn admitted(arrival_us: i64, now_us: i64) -> Self {
        Self::Admitted { until_idle: span_us(arrival_us - now_us) }
    }

    /// Refused, if a key that is booked until this time has nothing left.
    pub(super) fn refused(arrival_us: i64, pace: Pace, now_us: i64) -> Option<Self> {
        let over_us = arrival_us - pace.latest_us(now_us);
        (over_us > 0).then(|| Self::Refused { wait: span_us(over_us) })
    }
}

fn span_us(us: i64) -> Duration {
    Duration::from_micros(u64::try_from(us).unwrap_or_default())
}
