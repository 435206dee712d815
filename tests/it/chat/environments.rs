//! Two environments, as on Lambda: nothing in common but the database and the short-lived store.

use reqwest::Method;
use serde_json::Value;

use super::reading::{Reading, ai_sdk_body, parts, text, types};
use crate::app::{Actor, TestApp};
use crate::fakes::dynamodb::DynamoDbFake;
use crate::fakes::model::{Gate, ModelFake, Script};

/// Two of thinking, then text; the last one is whole characters of four bytes.
pub(super) const CHUNKS: [&str; 7] = ["Let me ", "see. ", "One ", "two ", "drei ", "四 ", "🖐."];
pub(super) const THOUGHTS: usize = 2;
/// How soon a writer learns that it is followed: it saves five times in this many seconds.
pub(super) const LEASE_SECONDS: &str = "3";

pub(super) fn said(count: usize) -> String {
    CHUNKS[THOUGHTS.min(count)..count].concat()
}

/// The settings of an environment.
pub(super) fn settings<'a>(model_url: &'a str, store: &'a [(&'static str, String); 6]) -> [(&'a str, &'a str); 9] {
    let own = [("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", model_url), ("CHAT_LEASE_SECONDS", LEASE_SECONDS)];
    std::array::from_fn(|at| match at.checked_sub(own.len()) {
        Some(at) => (store[at].0, store[at].1.as_str()),
        None => own[at],
    })
}

/// An environment that writes replies, and one that does not.
pub(super) struct Environments {
    pub(super) here: TestApp,
    pub(super) elsewhere: TestApp,
    pub(super) model: ModelFake,
    pub(super) table: DynamoDbFake,
    pub(super) alice: Actor,
}

impl Environments {
    pub(super) async fn start() -> Self {
        let (model, table) = (ModelFake::start().await, DynamoDbFake::start().await);
        let here = TestApp::start_with(settings(&model.base_url(), &table.settings())).await;
        let elsewhere = here.second_process().await;
        let alice = here.register("alice").await;
        Self { here, elsewhere, model, table, alice }
    }

    /// The next reply, chunk by chunk.
    pub(super) fn gated(&self) -> Gate {
        self.model.gated_script(Script::new(CHUNKS).thoughts(THOUGHTS))
    }

    /// A reply that has come this far, being read by the one who asked.
    pub(super) async fn reply(&self, gate: &Gate, chat: &str, chunks: usize) -> Reading {
        let mut reading = Reading::of_send(&self.alice, &ai_sdk_body(chat, "m", "Count")).await;
        gate.release(chunks);
        reading.until(chunks.checked_sub(1).map_or("start-step", |last| CHUNKS[last])).await;
        reading
    }

    pub(super) async fn resumed_elsewhere(&self, conversation: &str) -> Reading {
        Reading::of_resume(&self.elsewhere.seen_by(&self.alice), conversation).await
    }

    pub(super) fn count(&self, operation: &str) -> usize {
        self.table.operations().iter().filter(|known| *known == operation).count()
    }
}

/// The whole reply as plain text.
pub(super) async fn plain(actor: Actor, conversation: String) -> String {
    let path = format!("/api/chat/{conversation}/stream");
    let response = actor.request(Method::GET, &path).header("accept", "text/plain").send().await.expect("it answers");
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    response.text().await.expect("the answer arrives whole")
}

/// The whole text, once.
#[track_caller]
pub(super) fn assert_whole(stream: &str) -> Vec<Value> {
    let parts = assert_formed(stream);
    assert_eq!(text(&parts), said(CHUNKS.len()), "{parts:?}");
    parts
}

/// A well-formed stream that ends well.
#[track_caller]
pub(super) fn assert_formed(stream: &str) -> Vec<Value> {
    let parts = parts(stream);
    let types = types(&parts);
    assert_eq!((types[0], types.last()), ("start", Some(&"finish")), "{types:?}");
    for kind in ["text", "reasoning"] {
        let count = |what: &str| types.iter().filter(|known| **known == format!("{kind}-{what}")).count();
        assert_eq!(count("start"), count("end"), "{types:?}");
    }
    parts
}
