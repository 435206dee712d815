//! What every store does alike.

use std::time::Duration;

use base::store::{Admission, Key, Pace, Store, StoreError, VALUE_BYTES_MAX};
use futures_util::future::join_all;

use super::stage;
use crate::dice::Dice;

const KEPT: Duration = Duration::from_mins(10);
/// Nothing is regained while a test runs.
const SLOW: Pace = Pace { step: Duration::from_hours(1), burst: 10 };

fn is_admitted(admission: Result<Admission, StoreError>) -> bool {
    matches!(admission.expect("the store answers"), Admission::Admitted { .. })
}

/// How many of these calls, made at once, were let through. On a busy machine one may have no answer.
async fn admitted_of(calls: impl Iterator<Item = impl Future<Output = Result<Admission, StoreError>>>) -> usize {
    let answers = join_all(calls).await;
    answers.iter().filter(|answer| matches!(answer, Ok(Admission::Admitted { .. }))).count()
}

async fn take(store: &Store, key: &Key) -> Option<Vec<u8>> {
    store.take(key).await.expect("the store answers")
}

async fn numbers_after(store: &Store, list: &Key, number: u32) -> Vec<u32> {
    let items = store.read_after(list, number).await.expect("the store answers");
    items.into_iter().map(|(number, _)| number).collect()
}

#[tokio::test]
async fn gives_a_value_once() {
    for stage in stage::all().await {
        let (key, name) = (stage.key("value"), stage.name);
        assert_eq!(take(&stage.one, &key).await, None, "{name}");
        stage.one.put(&key, b"first", KEPT).await.expect(name);
        stage.other.put(&key, b"second", KEPT).await.expect(name);
        assert_eq!(take(&stage.one, &stage.key("other value")).await, None, "{name}");
        assert_eq!(take(&stage.one, &key).await.as_deref(), Some(&b"second"[..]), "{name}: the last one counts");
        assert_eq!(take(&stage.other, &key).await, None, "{name}");
        stage.one.put(&key, b"", KEPT).await.expect(name);
        assert_eq!(take(&stage.other, &key).await.as_deref(), Some(&b""[..]), "{name}: nothing is a value too");
    }
}

#[tokio::test]
async fn gives_a_value_to_one_of_many() {
    for stage in stage::all().await {
        let key = stage.key("raced");
        stage.one.put(&key, b"one", KEPT).await.expect(stage.name);
        let racers = (0..32).map(|racer| take(stage.both()[racer % 2], &key));
        let winners = join_all(racers).await.into_iter().flatten().count();
        assert_eq!(winners, 1, "{}", stage.name);
    }
}

#[tokio::test]
async fn what_has_ended_is_gone() {
    for stage in stage::all().await {
        let (key, list, name) = (stage.key("value"), stage.key("list"), stage.name);
        let kept = Duration::from_secs(5);
        stage.one.put(&key, b"value", kept).await.expect(name);
        stage.one.append(&list, 1, b"one", kept).await.expect(name);
        stage.one.append(&list, 2, b"two", KEPT).await.expect(name);
        stage.clock.advance(Duration::from_secs(4));
        assert_eq!(numbers_after(&stage.one, &list, 0).await, [1, 2], "{name}");
        stage.clock.advance(Duration::from_secs(2));
        assert_eq!(take(&stage.one, &key).await, None, "{name}");
        assert_eq!(numbers_after(&stage.one, &list, 0).await, [0; 0], "{name}: its start is missing");
        assert_eq!(numbers_after(&stage.one, &list, 1).await, [2], "{name}");
        stage.one.append(&list, 1, b"another", KEPT).await.expect("what has ended is in nobody's way");
        assert_eq!(numbers_after(&stage.one, &list, 0).await, [1, 2], "{name}");
    }
}

#[tokio::test]
async fn lists_are_read_in_order_and_without_gaps() {
    for stage in stage::all().await {
        let (list, name) = (stage.key("list"), stage.name);
        assert_eq!(numbers_after(&stage.one, &list, 0).await, [0; 0], "{name}");
        for number in [1, 2, 3, 4, 5, 6, 7, 9, 10, 11] {
            stage.one.append(&list, number, &number.to_be_bytes(), KEPT).await.expect(name);
        }
        assert_eq!(numbers_after(&stage.other, &list, 0).await, [1, 2, 3, 4, 5, 6, 7], "{name}");
        assert_eq!(numbers_after(&stage.other, &list, 6).await, [7], "{name}");
        assert_eq!(numbers_after(&stage.other, &list, 7).await, [0; 0], "{name}: 8 is being appended");
        stage.one.append(&list, 8, &8_u32.to_be_bytes(), KEPT).await.expect(name);
        let rest = stage.other.read_after(&list, 7).await.expect(name);
        assert_eq!(rest, [8_u32, 9, 10, 11].map(|number| (number, number.to_be_bytes().to_vec())), "{name}");
        assert_eq!(numbers_after(&stage.other, &stage.key("other list"), 0).await, [0; 0], "{name}");
        assert_eq!(take(&stage.other, &list).await, None, "{name}: a list is no value");
    }
}

/// Whatever order the appends arrive in, who reads along sees each once, in order.
#[tokio::test]
async fn a_list_is_read_along_while_it_is_written() {
    const LENGTH: u32 = 24;
    let seed = Dice::seed_of_run();
    for stage in stage::all().await {
        let (list, name, mut dice) = (stage.key("list"), stage.name, Dice::seeded(seed));
        let write = async {
            let mut numbers: Vec<u32> = (1..=LENGTH).collect();
            while !numbers.is_empty() {
                // Several are on their way at once, and overtake each other.
                let mut under_way: Vec<u32> = numbers.drain(..numbers.len().min(1 + dice.below(6))).collect();
                let turn = dice.below(under_way.len());
                under_way.rotate_left(turn);
                let (store, list) = (&stage.one, &list);
                let appends = under_way.iter().map(|number| async move {
                    store.append(list, *number, &number.to_be_bytes(), KEPT).await.expect("appended");
                });
                join_all(appends).await;
            }
        };
        let read = async {
            let mut arrived: Vec<u32> = Vec::new();
            while arrived.len() < LENGTH as usize {
                let latest = arrived.last().copied().unwrap_or(0);
                for (number, value) in stage.other.read_after(&list, latest).await.expect("read") {
                    assert_eq!(value, number.to_be_bytes(), "{name}");
                    arrived.push(number);
                }
                tokio::task::yield_now().await;
            }
            arrived
        };
        let ((), arrived) = tokio::join!(write, read);
        assert_eq!(arrived, (1..=LENGTH).collect::<Vec<_>>(), "{name}");
    }
}

#[tokio::test]
async fn a_place_in_a_list_is_taken_once() {
    for stage in stage::all().await {
        let (list, name) = (stage.key("list"), stage.name);
        stage.one.append(&list, 1, b"one", KEPT).await.expect(name);
        stage.one.append(&list, 1, b"one", KEPT).await.expect("the same again is harmless");
        let refused = stage.other.append(&list, 1, b"two", KEPT).await;
        assert!(matches!(refused, Err(StoreError::Taken)), "{name}: {refused:?}");
        let kept = stage.other.read_after(&list, 0).await.expect(name);
        assert_eq!(kept, [(1, b"one".to_vec())], "{name}");
        let writers = (0_u8..8).map(|writer| {
            let store = stage.both()[usize::from(writer) % 2].clone();
            let list = &list;
            async move { store.append(list, 2, &[writer], KEPT).await.is_ok().then_some(writer) }
        });
        let winners: Vec<u8> = join_all(writers).await.into_iter().flatten().collect();
        assert_eq!(stage.one.read_after(&list, 1).await.expect(name), [(2, winners)], "{name}: one writer won");
    }
}

#[tokio::test]
async fn values_have_a_greatest_size() {
    for stage in stage::all().await {
        let (key, list, name) = (stage.key("large"), stage.key("large list"), stage.name);
        let mut large = vec![7; VALUE_BYTES_MAX];
        stage.one.put(&key, &large, KEPT).await.expect(name);
        assert_eq!(take(&stage.other, &key).await.as_deref(), Some(&large[..]), "{name}");
        // More than fits into one page of DynamoDB's.
        for number in 1..=5 {
            stage.one.append(&list, number, &large, KEPT).await.expect(name);
        }
        assert_eq!(numbers_after(&stage.other, &list, 0).await, [1, 2, 3, 4, 5], "{name}");
        large.push(7);
        assert!(matches!(stage.one.put(&key, &large, KEPT).await, Err(StoreError::TooLarge)), "{name}");
        assert!(matches!(stage.one.append(&list, 6, &large, KEPT).await, Err(StoreError::TooLarge)), "{name}");
    }
}

#[tokio::test]
async fn one_after_the_other_get_the_burst_exactly() {
    for stage in stage::all().await {
        let (key, name) = (stage.key("limit"), stage.name);
        for call in 0..10_u32 {
            let admission = stage.both()[call as usize % 2].admit(&key, SLOW).await.expect(name);
            let Admission::Admitted { until_idle } = admission else { panic!("{name}: {call}") };
            assert_eq!(until_idle.as_secs().div_ceil(3_600), u64::from(call) + 1, "{name}");
        }
        assert!(!is_admitted(stage.one.admit(&key, SLOW).await), "{name}");
        assert!(!is_admitted(stage.other.admit(&key, SLOW).await), "{name}");
    }
}

#[tokio::test]
async fn many_at_once_get_no_more_than_the_burst() {
    for stage in stage::all().await {
        let (key, name) = (stage.key("limit"), stage.name);
        let admitted = admitted_of((0..24).map(|call| stage.both()[call % 2].admit(&key, SLOW))).await;
        assert!((1..=10).contains(&admitted), "{name}: {admitted}");
        while is_admitted(stage.one.admit(&key, SLOW).await) {}
        for store in stage.both() {
            let Admission::Refused { wait } = store.admit(&key, SLOW).await.expect(name) else { panic!("{name}") };
            assert!(wait <= SLOW.step && wait > SLOW.step * 59 / 60, "{name}: {wait:?}");
        }
        assert!(is_admitted(stage.one.admit(&stage.key("other limit"), SLOW).await), "{name}");
        stage.clock.advance(SLOW.step * 2);
        let admitted = admitted_of((0..8).map(|call| stage.both()[call % 2].admit(&key, SLOW))).await;
        assert!((1..=2).contains(&admitted), "{name}: two are regained: {admitted}");
        stage.clock.advance(SLOW.step * 1_000);
        let Admission::Admitted { until_idle } = stage.one.admit(&key, SLOW).await.expect(name) else {
            panic!("{name}: idle for long")
        };
        assert_eq!(until_idle, SLOW.step, "{name}");
    }
}

/// Whatever is asked when and by whom: no more than the burst and what was regained, and nobody is refused who
/// waited as long as they were told to.
#[tokio::test]
async fn no_schedule_gets_more_than_its_pace() {
    let pace = Pace { step: Duration::from_secs(20), burst: 4 };
    let seed = Dice::seed_of_run();
    for stage in stage::all().await {
        let (mut dice, name) = (Dice::seeded(seed), stage.name);
        let keys = [stage.key("first"), stage.key("second")];
        let (mut admitted, began) = ([0_u128; 2], stage.clock.now());
        for _ in 0..60 {
            let which = dice.below(2);
            let (store, key) = (stage.both()[dice.below(2)], &keys[which]);
            match store.admit(key, pace).await.expect(name) {
                Admission::Admitted { until_idle } => {
                    admitted[which] += 1;
                    assert!(until_idle <= pace.step * pace.burst, "{name}");
                }
                Admission::Refused { wait } => {
                    assert!(wait <= pace.step, "{name}: {wait:?}");
                    if dice.one_in(3) {
                        stage.clock.advance(wait);
                        assert!(is_admitted(store.admit(key, pace).await), "{name}: waited {wait:?}");
                        admitted[which] += 1;
                    }
                }
            }
            stage.clock.advance(Duration::from_millis(dice.next() % 15_000));
            let elapsed = stage.clock.now().duration_since(began).unsigned_abs();
            let most = 4 + elapsed.as_micros() / pace.step.as_micros();
            assert!(admitted.iter().all(|admitted| *admitted <= most), "{name}: {admitted:?} of {most}");
        }
    }
}
