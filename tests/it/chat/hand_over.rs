//! Two environments, as on Lambda: nothing in common but the database and the short-lived store. Whoever resumes a
//! reply in the one that does not write it reads the very same stream.

use std::time::Duration;

use base::http_client::HttpClient;
use base::store::{Key, Store};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::reading::{Reading, ai_sdk_body, messages, parts, text, types};
use crate::app::{Actor, TestApp};
use crate::fakes::dynamodb::{DynamoDbFake, Fault};
use crate::fakes::model::{Gate, ModelFake, Script};
use crate::process::Process;

/// Two of thinking, then text; the last one is whole characters of four bytes.
const CHUNKS: [&str; 7] = ["Let me ", "see. ", "One ", "two ", "drei ", "四 ", "🖐."];
const THOUGHTS: usize = 2;
/// How soon a writer learns that it is followed: it saves five times in this many seconds.
const LEASE_SECONDS: &str = "3";

fn said(count: usize) -> String {
    CHUNKS[THOUGHTS.min(count)..count].concat()
}

/// The settings of an environment.
fn settings<'a>(model_url: &'a str, store: &'a [(&'static str, String); 6]) -> [(&'a str, &'a str); 9] {
    let [a, b, c, d, e, f] = store.each_ref().map(|(name, value)| (*name, value.as_str()));
    let own = [("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", model_url), ("CHAT_LEASE_SECONDS", LEASE_SECONDS)];
    [own[0], own[1], own[2], a, b, c, d, e, f]
}

/// An environment that writes replies, and one that does not.
struct Environments {
    here: TestApp,
    elsewhere: TestApp,
    model: ModelFake,
    table: DynamoDbFake,
    alice: Actor,
}

impl Environments {
    async fn start() -> Self {
        let (model, table) = (ModelFake::start().await, DynamoDbFake::start().await);
        let here = TestApp::start_with(settings(&model.base_url(), &table.settings())).await;
        let elsewhere = here.second_process().await;
        let alice = here.register("alice").await;
        Self { here, elsewhere, model, table, alice }
    }

    /// The next reply, chunk by chunk.
    fn gated(&self) -> Gate {
        self.model.gated_script(Script::new(CHUNKS).thoughts(THOUGHTS))
    }

    /// A reply that has come this far, being read by the one who asked.
    async fn reply(&self, gate: &Gate, chat: &str, chunks: usize) -> Reading {
        let mut reading = Reading::of_send(&self.alice, &ai_sdk_body(chat, "m", "Count")).await;
        gate.release(chunks);
        reading.until(chunks.checked_sub(1).map_or("start-step", |last| CHUNKS[last])).await;
        reading
    }

    async fn resumed_elsewhere(&self, conversation: &str) -> Reading {
        Reading::of_resume(&self.elsewhere.seen_by(&self.alice), conversation).await
    }

    fn count(&self, operation: &str) -> usize {
        self.table.operations().iter().filter(|known| *known == operation).count()
    }
}

/// The whole reply as plain text.
async fn plain(actor: Actor, conversation: String) -> String {
    let path = format!("/api/chat/{conversation}/stream");
    let response = actor.request(Method::GET, &path).header("accept", "text/plain").send().await.expect("it answers");
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    response.text().await.expect("the answer arrives whole")
}

/// A well-formed stream with the whole text once, which ends well.
#[track_caller]
fn assert_whole(stream: &str) -> Vec<Value> {
    let parts = parts(stream);
    assert_eq!(text(&parts), said(CHUNKS.len()), "{parts:?}");
    let types = types(&parts);
    assert_eq!((types[0], types.last()), ("start", Some(&"finish")), "{types:?}");
    for kind in ["text", "reasoning"] {
        let count = |what: &str| types.iter().filter(|known| **known == format!("{kind}-{what}")).count();
        assert_eq!(count("start"), count("end"), "{types:?}");
    }
    parts
}

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
    let plain_here = tokio::spawn(plain(both.alice.clone(), conversation.clone()));
    let mut resumed = both.resumed_elsewhere(&conversation).await;
    let plain_there = tokio::spawn(plain(both.elsewhere.seen_by(&both.alice), conversation.clone()));
    // It comes while the reply is still being written.
    resumed.until(cut.checked_sub(1).map_or("start-step", |last| CHUNKS[last])).await;
    gate.finish();
    let (uncut, resumed) = (uncut.rest().await, resumed.rest().await);
    assert_eq!(resumed, uncut, "cut at {cut}");
    let all = assert_whole(&uncut);
    assert!(types(&all).contains(&"data-conversation") && types(&all).contains(&"reasoning-delta"), "{all:?}");
    let (plain_here, plain_there) = (plain_here.await.expect("read"), plain_there.await.expect("read"));
    assert_eq!((&plain_there, plain_there.as_str()), (&plain_here, said(CHUNKS.len()).as_str()), "cut at {cut}");
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
    let gate = both.gated();
    let process = Process::start(&both.here, settings(&both.model.base_url(), &both.table.settings())).await;
    let mut asked = Reading::of_send(&process.seen_by(&both.alice), &ai_sdk_body("c", "m", "Count")).await;
    let conversation = asked.conversation();
    gate.release(4);
    asked.until("two ").await;
    let mut resumed = both.resumed_elsewhere(&conversation).await;
    resumed.until("two ").await;
    process.end().await;
    let resumed = parts(&resumed.rest().await);
    assert_eq!(text(&resumed), said(4));
    assert_eq!(resumed.last().map(|part| &part["code"]), Some(&json!("interrupted")), "{resumed:?}");
    assert!(types(&resumed).contains(&"text-end"), "{resumed:?}");
    assert_eq!(messages(&both.alice, &conversation).await[1]["status"], "interrupted");
}
