//! However many messages share a moment, walking the pages gives each once, newest first.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::any;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use super::{arrange, ids, next};
use crate::app::{Actor, TestApp};

/// Each case empties and fills the tables and walks them twice.
const CASES: u32 = 24;
/// Fewer moments than messages, so that most are ties.
const MOMENTS: u8 = 4;

#[test]
fn gives_every_message_once_and_in_order() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (app, alice, bob) = runtime.block_on(async {
        let app = TestApp::start().await;
        let (alice, bob) = (app.register("alice").await, app.register("bob").await);
        (app, alice, bob)
    });
    let messages = btree_map(any::<u128>(), 0..MOMENTS, 0..40);
    let limits = vec(1_usize..=12, 1..4);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let walked = TestRunner::new(config).run(&(messages, limits), |(messages, limits)| {
        runtime.block_on(walk(&app, &alice, &bob, &messages, &limits));
        Ok(())
    });
    walked.unwrap_or_else(|failure| panic!("{failure}"));
}

async fn walk(app: &TestApp, alice: &Actor, bob: &Actor, messages: &BTreeMap<u128, u8>, limits: &[usize]) {
    let superuser = app.superuser().await;
    superuser.batch_execute("delete from conversations").await.expect("emptied");
    let rows: Vec<_> = messages.iter().map(|(id, moment)| (Uuid::from_u128(*id), f64::from(*moment), "")).collect();
    arrange(&superuser, alice, &rows).await;
    // Bob's lie between them, at the same moments.
    let clock = base::Clock::system();
    let of_bob: Vec<_> = (0..MOMENTS).map(|moment| (clock.new_id(), f64::from(moment), "")).collect();
    arrange(&superuser, bob, &of_bob).await;

    let mut expected: Vec<(u8, Uuid)> = messages.iter().map(|(id, moment)| (*moment, Uuid::from_u128(*id))).collect();
    expected.sort_unstable();
    expected.reverse();
    let all: Vec<Uuid> = expected.iter().map(|row| row.1).collect();
    assert_eq!(by_id(alice, limits).await, all, "by the last id of each page");
    assert_eq!(by_link(alice, limits[0]).await, all, "by the Link header");
    for moment in 0..=MOMENTS {
        let path = format!("/api/chat/history?limit=100&before=2026-01-01T00:00:0{moment}Z");
        let older: Vec<Uuid> = expected.iter().filter(|row| row.0 < moment).map(|row| row.1).collect();
        assert_eq!(ids(&alice.get(&path).await), older, "before second {moment}");
    }
}

/// Asks for what comes before the last one seen, with another limit each time, until nothing does.
async fn by_id(alice: &Actor, limits: &[usize]) -> Vec<Uuid> {
    let mut seen: Vec<Uuid> = Vec::new();
    for limit in limits.iter().cycle() {
        let before = seen.last().map(|id| format!("&before={id}")).unwrap_or_default();
        let page = ids(&alice.get(&format!("/api/chat/history?limit={limit}{before}")).await);
        assert!(page.len() <= *limit);
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    seen
}

async fn by_link(alice: &Actor, limit: usize) -> Vec<Uuid> {
    let (mut seen, mut address) = (Vec::new(), Some(format!("/api/chat/history?limit={limit}")));
    while let Some(path) = address {
        let page = alice.get(&path).await;
        address = next(&page);
        let page = ids(&page);
        // Only the last page may be short, and a next page is never empty.
        assert!(page.len() == limit || address.is_none());
        seen.extend(page);
    }
    seen
}
