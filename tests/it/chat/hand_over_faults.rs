//! The store goes away and comes back, and so do those who hand replies over: no text is lost or told twice.

use std::time::Duration;

use base::http_client::HttpClient;
use base::store::{Key, Store};
use futures_util::future::join_all;
use serde_json::json;

use super::alone::Alone;
use super::environments::{CHUNKS, Environments, THOUGHTS, assert_formed, assert_whole, said, settings};
use super::reading::{Reading, ai_sdk_body, messages, parts, text, types};
use crate::app::TestApp;
use crate::dice::Dice;
use crate::fakes::dynamodb::{DynamoDbFake, Fault};
use crate::fakes::model::{ModelFake, Script};
use crate::process::Process;

#[tokio::test]
async fn the_row_takes_over_when_the_store_goes_away() {
    let both = Environments::start().await;
    let gate = both.gated();
    let uncut = both.reply(&gate, "c", 4).await;
    let mut resumed = both.resumed_elsewhere(&uncut.conversation()).await;
    resumed.until("two ").await;
    both.table.fail_always(Some(Fault::Cut));
    gate.finish();
    let uncut = uncut.rest().await;
    assert_whole(&uncut);
    let resumed = resumed.rest().await;
    let there = assert_whole(&resumed);
    assert_eq!(there[0]["messageId"], parts(&uncut)[0]["messageId"]);
    assert!(uncut.starts_with(resumed.split("two ").next().unwrap_or_default()), "nothing is told anew: {resumed}");
}

#[tokio::test]
async fn the_row_is_read_when_the_store_was_never_there() {
    let both = Environments::start().await;
    both.table.fail_always(Some(Fault::Silent));
    let gate = both.gated();
    let uncut = both.reply(&gate, "c", 4).await;
    let mut resumed = both.resumed_elsewhere(&uncut.conversation()).await;
    resumed.until("two ").await;
    gate.finish();
    assert_whole(&uncut.rest().await);
    assert_whole(&resumed.rest().await);
}

#[tokio::test]
async fn faults_that_pass_change_nothing() {
    let both = Environments::start().await;
    let gate = both.gated();
    let uncut = both.reply(&gate, "c", 1).await;
    let faults = [Fault::DoneAndCut, Fault::Throttled, Fault::Cut, Fault::Broken];
    both.table.fail_next((0..24).map(|number| (number % 2 == 1).then(|| faults[number / 2 % faults.len()])));
    let mut resumed = both.resumed_elsewhere(&uncut.conversation()).await;
    for chunk in &CHUNKS[1..] {
        gate.release(1);
        resumed.until(chunk).await;
    }
    gate.finish();
    assert_eq!(resumed.rest().await, uncut.rest().await);
}

#[tokio::test]
async fn what_another_version_hands_over_is_left_alone() {
    let both = Environments::start().await;
    let gate = both.gated();
    let uncut = both.reply(&gate, "c", 3).await;
    let conversation = uncut.conversation();
    let reply = messages(&both.alice, &conversation).await[1]["id"].clone();
    let env = base::config::Env::from_pairs(both.table.settings());
    let store = Store::from_env(&env, both.here.clock.clone(), &HttpClient::default()).expect("a store");
    let list = Key::new("reply", reply.as_str().expect("an id"));
    store.append(&list, 1, b"\xffsomething of the future", Duration::from_mins(1)).await.expect("it is there");
    let resumed = both.resumed_elsewhere(&conversation).await;
    gate.finish();
    assert_whole(&uncut.rest().await);
    assert_whole(&resumed.rest().await);
}

#[tokio::test]
async fn a_writer_that_hands_nothing_over_is_followed_through_its_row() {
    let (model, table) = (ModelFake::start().await, DynamoDbFake::start().await);
    let (model_url, store) = (model.base_url(), table.settings());
    let [key, url, lease, store @ ..] = settings(&model_url, &store);
    let here = TestApp::start_with([key, url, lease]).await;
    let elsewhere = here.second_process_with(store).await;
    let alice = here.register("alice").await;
    let gate = model.gated_script(Script::new(CHUNKS).thoughts(THOUGHTS));
    let asked = Reading::of_send(&alice, &ai_sdk_body("c", "m", "Count")).await;
    gate.release(4);
    let mut resumed = Reading::of_resume(&elsewhere.seen_by(&alice), &asked.conversation()).await;
    resumed.until("two ").await;
    gate.finish();
    assert_whole(&asked.rest().await);
    assert_whole(&resumed.rest().await);
}

#[tokio::test]
async fn stopping_elsewhere_is_seen_everywhere() {
    let both = Environments::start().await;
    let gate = both.gated();
    let uncut = both.reply(&gate, "c", 4).await;
    let conversation = uncut.conversation();
    let mut resumed = both.resumed_elsewhere(&conversation).await;
    resumed.until("two ").await;
    let there = both.elsewhere.seen_by(&both.alice);
    let stopped = there.post(&format!("/api/chat/{conversation}/stop"), &json!({})).await.json();
    assert_eq!((&stopped["status"], &stopped["content"]), (&json!("stopped"), &json!(said(4))));
    let uncut = uncut.rest().await;
    assert_eq!(types(&parts(&uncut)).last(), Some(&"abort"));
    assert_eq!(resumed.rest().await, uncut);
}

#[tokio::test]
async fn a_follower_sees_that_the_writer_was_killed() {
    let both = Environments::start().await;
    let mut followers = Vec::new();
    for cut in [0, 2, 3, 5, CHUNKS.len()] {
        let gate = both.gated();
        let process = Process::start(&both.here, settings(&both.model.base_url(), &both.table.settings())).await;
        let body = ai_sdk_body(&format!("chat-{cut}"), "m", "Count");
        let mut asked = Reading::of_send(&process.seen_by(&both.alice), &body).await;
        let conversation = asked.conversation();
        gate.release(cut);
        let last = cut.checked_sub(1).map_or("start-step", |last| CHUNKS[last]);
        asked.until(last).await;
        let mut resumed = both.resumed_elsewhere(&conversation).await;
        resumed.until(last).await;
        process.end().await;
        followers.push(async move { (cut, gate, conversation, resumed.rest().await) });
    }
    for (cut, _gate, conversation, resumed) in join_all(followers).await {
        let resumed = parts(&resumed);
        assert_eq!(text(&resumed), said(cut), "killed at {cut}");
        assert_eq!(resumed.last().map(|part| &part["code"]), Some(&json!("interrupted")), "{resumed:?}");
        assert_eq!(types(&resumed).contains(&"text-end"), cut > THOUGHTS, "{resumed:?}");
        assert_eq!(messages(&both.alice, &conversation).await[1]["status"], "interrupted");
    }
}

#[tokio::test]
async fn a_follower_of_a_dead_writer_waits_no_longer_for_its_streams_signs_of_life() {
    let both = Environments::start().await;
    let store = both.table.settings();
    let model_url = both.model.base_url();
    let settings = settings(&model_url, &store);
    // Shorter than a writer may take to learn of its follower, as 15 seconds are when the lease is a minute.
    let elsewhere = Alone::serve(&both.here, settings, |app| app.keep_alive = Duration::from_secs(1)).await;
    let mut followers = Vec::new();
    for cut in [0, 4] {
        let gate = both.gated();
        let process = Process::start(&both.here, settings).await;
        let body = ai_sdk_body(&format!("chat-{cut}"), "m", "Count");
        let mut asked = Reading::of_send(&process.seen_by(&both.alice), &body).await;
        let conversation = asked.conversation();
        both.model.wait_for_requests(followers.len() + 1).await;
        gate.release(cut);
        asked.until(cut.checked_sub(1).map_or("start-step", |last| CHUNKS[last])).await;
        process.end().await;
        let resumed = Reading::of_resume(&elsewhere.seen_by(&both.alice), &conversation).await;
        followers.push(async move { (cut, gate, resumed.rest_in_time().await) });
    }
    for (cut, _gate, resumed) in join_all(followers).await {
        assert!(resumed.contains(": keep-alive"), "the wait was cut in pieces: {resumed}");
        let resumed = parts(&resumed);
        assert!(said(cut).starts_with(&text(&resumed)), "{resumed:?}");
        assert_eq!(resumed.last().map(|part| &part["code"]), Some(&json!("interrupted")), "{resumed:?}");
    }
}

#[tokio::test]
async fn the_text_is_whole_whatever_the_store_does() {
    const REPLIES: usize = 6;
    let faults = [Fault::Throttled, Fault::Broken, Fault::Cut, Fault::Silent, Fault::DoneInSilence, Fault::DoneAndCut];
    let mut dice = Dice::seeded(Dice::seed_of_run());
    let both = Environments::start().await;
    let words: Vec<String> = (0..60).map(|word| format!("word{word} ")).collect();
    let mut readings = Vec::new();
    for reply in 0..REPLIES {
        both.model.enqueue(Script::new(words.clone()).thoughts(10).pause(Duration::from_millis(60)));
        let asked = Reading::of_send(&both.alice, &ai_sdk_body(&format!("chat-{reply}"), "m", "Count")).await;
        let resumed = both.resumed_elsewhere(&asked.conversation()).await;
        readings.push(asked.rest());
        readings.push(resumed.rest());
    }
    let weather = async {
        loop {
            let fault = dice.one_in(2).then(|| faults[dice.below(faults.len())]);
            both.table.fail_always(fault);
            tokio::time::sleep(Duration::from_millis(50 + dice.next() % 500)).await;
        }
    };
    let read = tokio::select! {
        read = join_all(readings) => read,
        () = weather => unreachable!("the weather never ends"),
    };
    for stream in read {
        let parts = assert_formed(&stream);
        assert_eq!(text(&parts), words[10..].concat());
    }
}
