//! Anthropic's Messages API, streamed. A reply is whole when `message_stop` was seen.

mod wire;

use std::sync::Arc;

use reqwest::RequestBuilder;
use reqwest::header::ACCEPT;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::call::{key_header, send, trim_base_url};
use crate::chat::ChatPrompt;
use crate::error::ProviderError;
use crate::reply_stream::{Reader, ReplyStream};
use crate::retry::{CallLimits, with_retries};

pub(crate) use wire::MessagesReader;

/// The version of the protocol that this client speaks.
pub const ANTHROPIC_VERSION: &str = "2023-06-01";
/// The output limit when a prompt has none; the API insists on one.
pub const OUTPUT_TOKENS_DEFAULT: u32 = 4096;

/// A client of the Messages API. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AnthropicClient {
    http: reqwest::Client,
    messages_url: Arc<str>,
    key: Option<SecretString>,
    limits: CallLimits,
}

impl AnthropicClient {
    /// A client for a base URL such as `https://api.anthropic.com/v1`; the `/v1` may be left out, as in
    /// the vendor's own settings. A gateway may need no key.
    pub fn new(http: reqwest::Client, base_url: &str, key: Option<SecretString>) -> Self {
        let base_url = trim_base_url(base_url);
        let version = if base_url.ends_with("/v1") { "" } else { "/v1" };
        let messages_url = format!("{base_url}{version}/messages").into();
        Self { http, messages_url, key, limits: CallLimits::default() }
    }

    /// The same client with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: CallLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Asks for a reply as it is written. See [`crate::ChatModel::stream`].
    pub async fn stream(&self, prompt: &ChatPrompt) -> Result<ReplyStream, ProviderError> {
        let body = request_body(prompt);
        with_retries(&self.limits, || async {
            let answer = send(self.post(&body)?, self.key.as_ref(), &self.limits).await?;
            let reader = Reader::Messages(MessagesReader::new(self.key.clone()));
            ReplyStream::open(answer, reader, &self.limits).await
        })
        .await
    }

    fn post(&self, body: &Value) -> Result<RequestBuilder, ProviderError> {
        let request = self.http.post(&*self.messages_url).header(ACCEPT, "text/event-stream");
        let request = request.header("anthropic-version", ANTHROPIC_VERSION).json(body);
        match &self.key {
            None => Ok(request),
            Some(key) => Ok(request.header("x-api-key", key_header("", key)?)),
        }
    }
}

/// The request. It never has a temperature: newer models refuse one.
fn request_body(prompt: &ChatPrompt) -> Value {
    let turns = prompt.turns.iter().map(|turn| json!({"role": turn.role.as_str(), "content": turn.text}));
    let mut body = json!({
        "model": prompt.model,
        "messages": turns.collect::<Vec<_>>(),
        "max_tokens": prompt.output_tokens_max.unwrap_or(OUTPUT_TOKENS_DEFAULT),
        "stream": true,
    });
    if let Some(system) = &prompt.system {
        body["system"] = system.as_str().into();
    }
    body
}
