//! Chat Completions, spoken by OpenAI, xAI, OpenRouter, Ollama, vLLM and many others.
//!
//! A streamed reply has ended properly when a `finish_reason` was seen. The `[DONE]` after it may be
//! missing, as some servers leave it out; `[DONE]` without a `finish_reason` is a broken reply.

mod wire;

use std::sync::Arc;

use reqwest::RequestBuilder;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::call::{key_header, read_answer, send, trim_base_url};
use crate::chat::{ChatPrompt, Completion, ReplyEvent};
use crate::error::ProviderError;
use crate::reply_stream::{Reader, ReplyStream};
use crate::retry::{CallLimits, with_retries};

pub(crate) use wire::CompletionsReader;

/// A client of one compatible server. Cheap to clone and to build, so a caller's own key may be used
/// for one call.
#[derive(Debug, Clone)]
pub struct OpenAiClient {
    http: reqwest::Client,
    base_url: Arc<str>,
    key: Option<SecretString>,
    pub(crate) limits: CallLimits,
}

impl OpenAiClient {
    /// A client for a base URL such as `https://api.openai.com/v1`. Local servers need no key.
    pub fn new(http: reqwest::Client, base_url: &str, key: Option<SecretString>) -> Self {
        Self { http, base_url: trim_base_url(base_url).into(), key, limits: CallLimits::default() }
    }

    /// The same client with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: CallLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The same client with another key.
    #[must_use]
    pub fn with_key(mut self, key: SecretString) -> Self {
        self.key = Some(key);
        self
    }

    /// Asks for a reply as it is written. See [`crate::ChatModel::stream`].
    pub async fn stream(&self, prompt: &ChatPrompt) -> Result<ReplyStream, ProviderError> {
        let body = request_body(prompt, true);
        with_retries(&self.limits, || async {
            let request = self.post("chat/completions", &body)?.header(ACCEPT, "text/event-stream");
            let answer = send(request, self.key.as_ref(), &self.limits).await?;
            // Some servers ignore `stream`, or answer an error under 200.
            if is_json(&answer) {
                let body = read_answer(answer, &self.limits).await?;
                let completion = wire::read_completion(&body, self.key.as_ref())?;
                let usage = completion.usage.map(ReplyEvent::Usage);
                let text = [ReplyEvent::Text(completion.text)].into_iter();
                return Ok(ReplyStream::whole(
                    text.chain(usage).chain([ReplyEvent::Finished(completion.finish_reason)]),
                ));
            }
            let reader = Reader::Completions(CompletionsReader::new(self.key.clone()));
            ReplyStream::open(answer, reader, &self.limits).await
        })
        .await
    }

    /// Asks for a reply in one piece.
    pub async fn complete(&self, prompt: &ChatPrompt) -> Result<Completion, ProviderError> {
        let body = self.call("chat/completions", &request_body(prompt, false)).await?;
        let mut completion = wire::read_completion(&body, self.key.as_ref())?;
        if completion.model.is_empty() {
            completion.model.clone_from(&prompt.model);
        }
        Ok(completion)
    }

    /// Posts a body and reads the answer in one piece.
    pub(crate) async fn call(&self, path: &str, body: &Value) -> Result<Vec<u8>, ProviderError> {
        with_retries(&self.limits, || async {
            let answer = send(self.post(path, body)?, self.key.as_ref(), &self.limits).await?;
            read_answer(answer, &self.limits).await
        })
        .await
    }

    fn post(&self, path: &str, body: &Value) -> Result<RequestBuilder, ProviderError> {
        let request = self.http.post(format!("{}/{path}", self.base_url)).json(body);
        match &self.key {
            None => Ok(request),
            Some(key) => Ok(request.header(AUTHORIZATION, key_header("Bearer ", key)?)),
        }
    }
}

fn is_json(answer: &reqwest::Response) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

/// The request. It never has a temperature: newer models refuse one.
fn request_body(prompt: &ChatPrompt, stream: bool) -> Value {
    let system = prompt.system.iter().map(|text| json!({"role": "system", "content": text}));
    let turns = prompt.turns.iter().map(|turn| json!({"role": turn.role.as_str(), "content": turn.text}));
    let mut body = json!({"model": prompt.model, "messages": system.chain(turns).collect::<Vec<_>>()});
    if stream {
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
    }
    if let Some(tokens) = prompt.output_tokens_max {
        body["max_completion_tokens"] = tokens.into();
    }
    body
}
