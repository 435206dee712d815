//! The short-lived store as this process's memory, which is bounded.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Admission, Key, Pace, StoreError};

/// How many keys' arrivals are remembered at once: some 10 MB.
const ARRIVALS_MAX: usize = 100_000;
/// How many bytes values may have together, with what is reckoned for each.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a value is reckoned to cost besides its bytes.
const ITEM_BYTES: usize = 128;
/// How often what has ended is dropped, in seconds.
const SWEEP_SECONDS: i64 = 60;
/// The same when there is no room left.
const SWEEP_SECONDS_FULL: i64 = 1;

/// Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryStore {
    pub(super) arrivals: Arrivals,
    held: Arc<Mutex<Held>>,
}

/// Until when each key is booked (GCRA's theoretical arrival time, in microseconds since 1970). Clones share it.
///
/// There is no end of keys, so the number of those that are remembered has one. Beyond it the half that is nearest
/// to being idle starts afresh: a flood of new keys does not free those that are at their limit.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    booked: Arc<Mutex<HashMap<Key, i64>>>,
    len_max: usize,
}

#[derive(Debug, Default)]
struct Held {
    /// A value is a list that has only the number 0.
    lists: HashMap<Key, BTreeMap<u32, Item>>,
    bytes: usize,
    swept_at: i64,
}

#[derive(Debug)]
struct Item {
    value: Vec<u8>,
    ends: i64,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self::with_len_max(ARRIVALS_MAX)
    }
}

impl Arrivals {
    /// One that remembers so many keys.
    fn with_len_max(len_max: usize) -> Self {
        Self { booked: Arc::default(), len_max }
    }

    /// Counts one more, or refuses it.
    pub(super) fn admit(&self, key: &Key, pace: Pace, now_us: i64) -> Admission {
        let mut booked = self.lock();
        let arrival = booked.get(key).copied().unwrap_or(now_us).max(now_us);
        if let Some(refused) = Admission::refused(arrival, pace, now_us) {
            return refused;
        }
        let next = arrival + pace.step_us();
        self.remember(&mut booked, key, next, now_us);
        Admission::admitted(next, now_us)
    }

    /// Until when a key is booked at least, as far as it is remembered.
    pub(super) fn find(&self, key: &Key) -> Option<i64> {
        self.lock().get(key).copied()
    }

    /// Remembers that a key is booked until this time at least.
    pub(super) fn raise(&self, key: &Key, arrival_us: i64, now_us: i64) {
        let mut booked = self.lock();
        let known = booked.get(key).copied().unwrap_or(i64::MIN);
        self.remember(&mut booked, key, arrival_us.max(known), now_us);
    }

    fn remember(&self, booked: &mut HashMap<Key, i64>, key: &Key, arrival_us: i64, now_us: i64) {
        if let Some(known) = booked.get_mut(key) {
            *known = arrival_us;
            return;
        }
        if booked.len() >= self.len_max {
            booked.retain(|_, arrival| *arrival > now_us);
        }
        if booked.len() >= self.len_max {
            let mut arrivals: Vec<i64> = booked.values().copied().collect();
            let (_, middle, _) = arrivals.select_nth_unstable(self.len_max / 2);
            let middle = *middle;
            booked.retain(|_, arrival| *arrival > middle);
        }
        booked.insert(key.clone(), arrival_us);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, i64>> {
        self.booked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStore {
    pub(super) fn put(&self, key: &Key, value: &[u8], ends: i64, now: i64) -> Result<(), StoreError> {
        let mut held = self.lock();
        held.remove(key, 0);
        held.insert(key, 0, Item { value: value.to_vec(), ends }, now)
    }

    pub(super) fn take(&self, key: &Key, now: i64) -> Option<Vec<u8>> {
        self.lock().remove(key, 0).filter(|item| item.ends > now).map(|item| item.value)
    }

    pub(super) fn append(&self, list: &Key, number: u32, value: &[u8], ends: i64, now: i64) -> Result<(), StoreError> {
        let mut held = self.lock();
        if let Some(there) = held.lists.get(list).and_then(|items| items.get(&number))
            && there.ends > now
            && there.value != value
        {
            return Err(StoreError::Taken);
        }
        held.remove(list, number);
        held.insert(list, number, Item { value: value.to_vec(), ends }, now)
    }

    pub(super) fn read_after(&self, list: &Key, number: u32, now: i64) -> Vec<(u32, Vec<u8>)> {
        let held = self.lock();
        let Some(items) = held.lists.get(list) else { return Vec::new() };
        let after = items.range(number.saturating_add(1)..);
        let wanted = number.saturating_add(1)..;
        let unbroken = wanted.zip(after).take_while(|(wanted, (there, item))| wanted == *there && item.ends > now);
        unbroken.map(|(number, (_, item))| (number, item.value.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Puts an item where none is.
    fn insert(&mut self, key: &Key, number: u32, item: Item, now: i64) -> Result<(), StoreError> {
        let bytes = ITEM_BYTES + item.value.len();
        let is_full = self.bytes + bytes > BYTES_MAX;
        if now - self.swept_at >= if is_full { SWEEP_SECONDS_FULL } else { SWEEP_SECONDS } {
            self.sweep(now);
        }
        if self.bytes + bytes > BYTES_MAX {
            return Err(StoreError::Away("this process's memory for short-lived state is full".into()));
        }
        self.bytes += bytes;
        self.lists.entry(key.clone()).or_default().insert(number, item);
        Ok(())
    }

    fn remove(&mut self, key: &Key, number: u32) -> Option<Item> {
        let items = self.lists.get_mut(key)?;
        let item = items.remove(&number)?;
        if items.is_empty() {
            self.lists.remove(key);
        }
        self.bytes -= ITEM_BYTES + item.value.len();
        Some(item)
    }

    /// Drops what has ended.
    fn sweep(&mut self, now: i64) {
        self.swept_at = now;
        self.lists.retain(|_, items| {
            items.retain(|_, item| item.ends > now);
            !items.is_empty()
        });
        let items = self.lists.values().flat_map(BTreeMap::values);
        self.bytes = items.map(|item| ITEM_BYTES + item.value.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PACE: Pace = Pace { step: Duration::from_secs(10), burst: 3 };

    fn key(number: usize) -> Key {
        Key::new("test", &number.to_string())
    }

    #[test]
    fn a_flood_of_keys_frees_none_that_is_at_its_limit() {
        let arrivals = Arrivals::with_len_max(100);
        for _ in 0..3 {
            assert!(matches!(arrivals.admit(&key(0), PACE, 0), Admission::Admitted { .. }));
        }
        for number in 1..1_000 {
            assert!(matches!(arrivals.admit(&key(number), PACE, 0), Admission::Admitted { .. }));
            assert!(arrivals.lock().len() <= 100);
        }
        assert_eq!(arrivals.admit(&key(0), PACE, 0), Admission::Refused { wait: Duration::from_secs(10) });
    }

    #[test]
    fn is_bounded_and_makes_room_as_things_end() {
        let memory = MemoryStore::default();
        let value = vec![0; 256 * 1024];
        let room = BYTES_MAX / (value.len() + ITEM_BYTES);
        for number in 0..room {
            memory.put(&key(number), &value, 10, 0).expect("there is room");
        }
        assert!(matches!(memory.put(&key(room), &value, 10, 0), Err(StoreError::Away(_))));
        memory.put(&key(0), &value, 20, 0).expect("in place of itself");
        memory.put(&key(room), &value, 20, 10).expect("the others have ended");
        assert_eq!(memory.lock().lists.len(), 2);
        assert!(memory.take(&key(0), 10).is_some() && memory.take(&key(room), 10).is_some());
        let left = memory.lock();
        assert_eq!((left.bytes, left.lists.len()), (0, 0));
    }

    proptest::proptest! {
        /// No schedule of calls gets more than the burst plus what was regained.
        #[test]
        fn never_more_than_burst_plus_regained(gaps_us in proptest::collection::vec(0_i64..20_000_000, 1..60)) {
            let (arrivals, mut now, mut admitted) = (Arrivals::default(), 0_i64, 0_i64);
            for gap in gaps_us {
                now += gap;
                admitted += i64::from(matches!(arrivals.admit(&key(0), PACE, now), Admission::Admitted { .. }));
                proptest::prop_assert!(admitted <= 3 + now / 10_000_000);
            }
        }
    }
}
