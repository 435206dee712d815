//! Reading a streamed reply as it comes, and the product with a model at hand.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{Actor, TestApp};
use crate::fakes::model::ModelFake;

/// Longer than anything that does not hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// The product with a fake OpenAI.
pub(crate) async fn app_with_model() -> (TestApp, ModelFake) {
    let fake = ModelFake::start().await;
    let app = TestApp::start_with([("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", &fake.base_url())]).await;
    (app, fake)
}

/// A reply being read.
pub(crate) struct Reading {
    response: Response,
    pub(crate) text: String,
}

impl Reading {
    /// Says something and starts to read.
    pub(crate) async fn of_send(actor: &Actor, body: &Value) -> Self {
        let request = actor.request(Method::POST, "/api/chat").json(body);
        Self::of(request.send().await.expect("the server answers"))
    }

    /// Resumes and starts to read.
    pub(crate) async fn of_resume(actor: &Actor, conversation: &str) -> Self {
        let request = actor.request(Method::GET, &format!("/api/chat/{conversation}/stream"));
        Self::of(request.send().await.expect("the server answers"))
    }

    fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-vercel-ai-ui-message-stream"], "v1");
        Self { response, text: String::new() }
    }

    pub(crate) fn conversation(&self) -> String {
        self.response.headers()["x-conversation-id"].to_str().expect("an id").to_owned()
    }

    /// Reads until `word` has come.
    pub(crate) async fn until(&mut self, word: &str) {
        while !self.text.contains(word) {
            assert!(self.read().await, "the stream ended before {word:?}: {}", self.text);
        }
    }

    /// Reads to the end.
    pub(crate) async fn rest(mut self) -> String {
        while self.read().await {}
        self.text
    }

    /// The same, of a stream that could go on for ever without a word.
    pub(crate) async fn rest_in_time(self) -> String {
        tokio::time::timeout(PATIENCE, self.rest()).await.expect("the stream ends")
    }

    async fn read(&mut self) -> bool {
        let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("the stream goes on");
        let chunk = chunk.expect("the stream is not cut");
        let chunk = chunk.map(|bytes| String::from_utf8(bytes.to_vec()).expect("whole characters"));
        self.text.push_str(chunk.as_deref().unwrap_or_default());
        chunk.is_some()
    }
}

/// The parts of a UI message stream, which must be framed right and end with `[DONE]`.
pub(crate) fn parts(stream: &str) -> Vec<Value> {
    let mut events: Vec<&str> = stream.split_terminator("\n\n").filter(|event| !event.starts_with(':')).collect();
    assert_eq!(events.pop(), Some("data: [DONE]"), "{stream}");
    events
        .iter()
        .map(|event| serde_json::from_str(event.strip_prefix("data: ").expect("data")).expect("JSON"))
        .collect()
}

/// The types of the parts, in their order.
pub(crate) fn types(parts: &[Value]) -> Vec<&str> {
    parts.iter().map(|part| part["type"].as_str().expect("a type")).collect()
}

/// The text that the deltas make.
pub(crate) fn text(parts: &[Value]) -> String {
    parts.iter().filter(|part| part["type"] == "text-delta").filter_map(|part| part["delta"].as_str()).collect()
}

/// The messages of a conversation, oldest first.
pub(crate) async fn messages(actor: &Actor, conversation: &str) -> Vec<Value> {
    let answer = actor.get(&format!("/api/conversations/{conversation}/messages?limit=100")).await;
    let mut messages = answer.json().as_array().expect("a list").clone();
    messages.reverse();
    messages
}

/// What the AI SDK sends for one user message.
pub(crate) fn ai_sdk_body(chat: &str, message: &str, content: &str) -> Value {
    let parts = json!([{"type": "text", "text": content}]);
    json!({"id": chat, "trigger": "submit-message", "messages": [{"id": message, "role": "user", "parts": parts}]})
}
