//! Whoever resumes a reply in an environment that does not write it reads the very same stream.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::environments::{CHUNKS, Environments, assert_whole, plain, said};
use super::reading::{Reading, types};
use crate::fakes::model::{Gate, Script};

#[tokio::test]
async fn a_stream_resumed_elsewhere_equals_the_uncut_one_at_every_chunk() {
    let both = Environments::start().await;
    let cuts = (0..=CHUNKS.len()).map(|cut| {
        let both = &both;
        async move {
            let gate = both.gated();
            let uncut = both.reply(&gate, &format!("chat-{cut}"), cut).await;
            (cut, gate, uncut)
        }
    });
    // One after the other, so that each has its own gate; then all go on at once.
    let mut begun = Vec::new();
    for cut in cuts {
        begun.push(cut.await);
    }
    join_all(begun.into_iter().map(|(cut, gate, uncut)| check_resumed(&both, cut, gate, uncut))).await;
}

async fn check_resumed(both: &Environments, cut: usize, gate: Gate, uncut: Reading) {
    let conversation = uncut.conversation();
    let asked_plain = tokio::spawn(plain(both.alice.clone(), conversation.clone()));
    let mut resumed = both.resumed_elsewhere(&conversation).await;
    let resumed_plain = tokio::spawn(plain(both.elsewhere.seen_by(&both.alice), conversation.clone()));
    // It comes while the reply is still being written.
    resumed.until(cut.checked_sub(1).map_or("start-step", |last| CHUNKS[last])).await;
    gate.finish();
    let (uncut, resumed) = (uncut.rest().await, resumed.rest().await);
    assert_eq!(resumed, uncut, "cut at {cut}");
    let all = assert_whole(&uncut);
    assert!(types(&all).contains(&"data-conversation") && types(&all).contains(&"reasoning-delta"), "{all:?}");
    let (asked_plain, resumed_plain) = (asked_plain.await.expect("read"), resumed_plain.await.expect("read"));
    assert_eq!((&resumed_plain, resumed_plain.as_str()), (&asked_plain, said(CHUNKS.len()).as_str()), "cut at {cut}");
}

#[tokio::test]
async fn one_who_comes_in_the_last_moment_reads_all_of_it() {
    let both = Environments::start().await;
    for round in 0..4 {
        let gate = both.gated();
        let uncut = both.reply(&gate, &format!("chat-{round}"), CHUNKS.len()).await;
        let resumed = both.resumed_elsewhere(&uncut.conversation()).await;
        gate.finish();
        let (uncut, resumed) = (uncut.rest().await, resumed.rest().await);
        assert_whole(&resumed);
        if both.count("PutItem") > 0 {
            // It was noted before the end, as it nearly always is.
            assert_eq!(resumed, uncut);
            return;
        }
    }
    panic!("a follower is never noted in time");
}

#[tokio::test]
async fn a_reply_that_nobody_follows_elsewhere_asks_the_store_for_nothing() {
    let both = Environments::start().await;
    let gate = both.gated();
    let reading = both.reply(&gate, "c", 3).await;
    let conversation = reading.conversation();
    let resumed = Reading::of_resume(&both.alice, &conversation).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    gate.finish();
    assert_eq!(resumed.rest().await, reading.rest().await);
    assert_eq!((both.count("PutItem"), both.count("Query")), (0, 0));
}

#[tokio::test]
async fn a_followed_reply_costs_at_most_four_writes_a_second() {
    let both = Environments::start().await;
    let words: Vec<String> = (0..120).map(|word| format!("word{word} ")).collect();
    both.model.enqueue(Script::new(words).pause(Duration::from_millis(25)));
    let reading = Reading::of_send(&both.alice, &json!({"content": "Count"})).await;
    let resumed = both.resumed_elsewhere(&reading.conversation()).await;
    let begun = std::time::Instant::now();
    assert_eq!(resumed.rest().await, reading.rest().await);
    let most = begun.elapsed().as_millis() / 250 + 2;
    let writes = both.count("PutItem");
    assert!(writes > 1 && writes as u128 <= most, "{writes} writes, at most {most}");
    let bodies = both.table.bodies().concat();
    assert!(!bodies.contains(&both.alice.id()), "no key tells whose reply it is");
}
