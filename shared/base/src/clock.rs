//! The time and new ids. Both go through [`Clock`], so that a test can move them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

/// The wall clock. Clones share one shift, which only tests change.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    shift_us: Arc<AtomicI64>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// The time now, in microseconds precision, as PostgreSQL keeps it.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now().as_microsecond() + self.shift_us.load(Ordering::Relaxed);
        Timestamp::from_microsecond(now).expect("the shifted time is within jiff's range of years")
    }

    /// Seconds since 1970, as JWTs count them.
    pub fn now_seconds(&self) -> i64 {
        self.now().as_second()
    }

    /// A new id (UUID version 7): later ids sort after earlier ones.
    pub fn new_id(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds))
    }

    /// Moves this clock, and every clone of it, forward.
    pub fn advance(&self, by: Duration) {
        let by_us = i64::try_from(by.as_micros()).expect("a test moves the clock by less than 292,000 years");
        self.shift_us.fetch_add(by_us, Ordering::Relaxed);
    }
}
