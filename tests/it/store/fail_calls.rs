//! What becomes of calls that fail on the way.

use std::time::{Duration, Instant};

use base::Clock;
use base::config::Env;
use base::http_client::HttpClient;
use base::store::{Admission, Key, Pace, Store, StoreError};

use crate::fakes::dynamodb::{DynamoDbFake, Fault};

const KEPT: Duration = Duration::from_mins(10);
const PACE: Pace = Pace { step: Duration::from_hours(1), burst: 3 };
/// What passes if it is tried again.
const PASSING: [Fault; 3] = [Fault::Throttled, Fault::Broken, Fault::Cut];
/// Longer than a limit keeps a request waiting, however busy the machine is, and shorter than the fake is silent.
const PROMPT: Duration = Duration::from_secs(20);

async fn stage() -> (DynamoDbFake, Store) {
    let fake = DynamoDbFake::start().await;
    let store = process(&fake);
    (fake, store)
}

/// A process that knows nothing yet.
fn process(fake: &DynamoDbFake) -> Store {
    Store::from_env(&Env::from_pairs(fake.settings()), Clock::system(), &HttpClient::default()).expect("the settings")
}

async fn is_admitted(store: &Store, key: &Key) -> bool {
    matches!(store.admit(key, PACE).await.expect("the store answers"), Admission::Admitted { .. })
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for fault in PASSING {
        let (fake, store) = stage().await;
        let (value, list, limit) = (Key::new("test", "value"), Key::new("test", "list"), Key::new("test", "limit"));
        let fails_once = || fake.fail_next([Some(fault)]);
        fails_once();
        store.put(&value, b"value", KEPT).await.expect("put");
        fails_once();
        store.append(&list, 1, b"one", KEPT).await.expect("appended");
        fails_once();
        assert_eq!(store.read_after(&list, 0).await.expect("read"), [(1, b"one".to_vec())], "{fault:?}");
        fails_once();
        assert!(is_admitted(&store, &limit).await, "{fault:?}");
        fails_once();
        assert_eq!(store.take(&value).await.expect("taken").as_deref(), Some(&b"value"[..]), "{fault:?}");
        assert_eq!(fake.operations().len(), 10, "{fault:?}");
    }
}

/// The answer is lost, so it is tried again though it was done.
#[tokio::test]
async fn a_lost_answer_does_no_harm_to_what_is_kept() {
    for fault in [Fault::DoneInSilence, Fault::DoneAndCut] {
        let (fake, store) = stage().await;
        let (value, list) = (Key::new("test", "value"), Key::new("test", "list"));
        fake.fail_next([Some(fault)]);
        store.put(&value, b"value", KEPT).await.expect("put");
        fake.fail_next([Some(fault)]);
        store.append(&list, 1, b"one", KEPT).await.expect("it is there with the same value");
        assert_eq!(store.read_after(&list, 0).await.expect("read"), [(1, b"one".to_vec())]);
        fake.fail_next([Some(fault)]);
        assert_eq!(store.take(&value).await.expect("answered"), None, "never twice, so not at all");
        assert_eq!(fake.len(), 1, "the list");
    }
}

#[tokio::test]
async fn a_lost_answer_is_counted_once() {
    for fault in [Fault::DoneInSilence, Fault::DoneAndCut] {
        let (fake, store) = stage().await;
        let key = Key::new("test", "limit");
        for number in 1..=3 {
            fake.fail_next([Some(fault)]);
            assert!(is_admitted(&store, &key).await, "{fault:?}: {number}");
        }
        assert_eq!(fake.operations(), vec!["UpdateItem"; 6], "each was done, and found done");
        assert!(!is_admitted(&store, &key).await && !is_admitted(&process(&fake), &key).await, "{fault:?}");
    }
}

#[tokio::test]
async fn says_soon_that_it_is_away() {
    for fault in [Fault::Silent, Fault::Cut, Fault::Broken, Fault::Throttled, Fault::Forbidden] {
        let (fake, store) = stage().await;
        fake.fail_always(Some(fault));
        let key = Key::new("test", "key");
        let begun = Instant::now();
        let refused = store.admit(&key, PACE).await;
        assert!(matches!(refused, Err(StoreError::Away(_))), "{fault:?}: {refused:?}");
        assert!(begun.elapsed() < PROMPT, "{fault:?}: {:?}", begun.elapsed());
        assert!(matches!(store.put(&key, b"value", KEPT).await, Err(StoreError::Away(_))), "{fault:?}");
        let error = base::Error::from(store.take(&key).await.expect_err("away"));
        assert_eq!((error.status().as_u16(), error.code()), (503, "store_unavailable"), "{fault:?}");
        assert!(store.check().await.is_err(), "{fault:?}");
        fake.fail_always(None);
        store.check().await.expect("it is back");
        assert!(is_admitted(&store, &key).await, "{fault:?}");
    }
}

#[tokio::test]
async fn nothing_listens_there() {
    let settings = DynamoDbFake::start().await.settings();
    let env = Env::from_pairs(settings).with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1");
    let store = Store::from_env(&env, Clock::system(), &HttpClient::default()).expect("the settings");
    let begun = Instant::now();
    assert!(store.admit(&Key::new("test", "key"), PACE).await.is_err());
    assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
}

/// As after a freeze, when the other end has forgotten the connection.
#[tokio::test]
async fn a_dead_connection_costs_one_attempt() {
    let (fake, store) = stage().await;
    let key = Key::new("test", "limit");
    assert!(is_admitted(&store, &key).await);
    fake.fail_next([Some(Fault::Silent)]);
    let begun = Instant::now();
    assert!(is_admitted(&store, &key).await, "over a connection of its own");
    assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    assert_eq!(fake.operations().len(), 3);
}

#[tokio::test]
async fn a_limit_costs_one_call_and_a_flood_none() {
    let (fake, store) = stage().await;
    let key = Key::new("test", "limit");
    for calls in 1..=3 {
        assert!(is_admitted(&store, &key).await);
        assert_eq!(fake.operations(), vec!["UpdateItem"; calls]);
    }
    for _ in 0..100 {
        assert!(!is_admitted(&store, &key).await);
    }
    assert_eq!(fake.operations().len(), 3, "this process knows");
    let other = process(&fake);
    assert!(!is_admitted(&other, &key).await && !is_admitted(&other, &key).await);
    assert_eq!(fake.operations().len(), 4, "another has to ask once");
}

#[tokio::test]
async fn a_wrong_setting_is_named() {
    let settings = DynamoDbFake::start().await.settings();
    for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let env = Env::from_pairs(settings.clone()).with(name, "");
        let error = Store::from_env(&env, Clock::system(), &HttpClient::default()).expect_err("it is missing");
        assert_eq!(error.name, name);
    }
}
