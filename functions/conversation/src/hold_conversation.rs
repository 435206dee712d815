//! `POST /api/conversation`: one exchange with the caller's own key.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::extract::Json;
use base::http::ClientAddress;
use base::request::Notes;
use base::{Error, Result, request};
use providers::{ChatPrompt, Role, TokenUsage, Turn};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{App, CONVERSATION_POLICY, MODEL_DEFAULT, failure, key, speech};

/// The longest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 32 * 1024;
/// How many earlier messages may come along.
const HISTORY_LEN_MAX: usize = 100;
/// The longest name of a model, in bytes.
const MODEL_BYTES_MAX: usize = 100;

/// What the user said, and the key to answer it with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Exchange {
    /// The caller's OpenAI key. It is used for this call and kept nowhere.
    #[serde(deserialize_with = "key::deserialize")]
    #[schema(value_type = String, min_length = 1, max_length = 512, format = Password)]
    api_key: SecretString,
    /// What the user said, as text.
    #[schema(min_length = 1, max_length = 32768)]
    message: String,
    /// What was said before, oldest first, at most 100 messages.
    #[serde(default)]
    #[schema(max_items = 100)]
    history: Vec<Said>,
    /// The model; the server's default without it.
    #[schema(min_length = 1, max_length = 100)]
    model: Option<String>,
    /// Answer as server-sent events, a sentence each, so that speech can start early.
    #[serde(default)]
    stream: bool,
}

/// An earlier message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    role: Speaker,
    #[schema(max_length = 32768)]
    content: String,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Speaker {
    User,
    Assistant,
}

/// The reply.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reply {
    /// What to say.
    response: String,
    /// The model that answered.
    model: String,
    /// What it cost, if the provider told.
    usage: Option<Usage>,
}

/// Tokens, as the provider counts them.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = ConversationUsage)]
pub(crate) struct Usage {
    /// Tokens the model read.
    input_tokens: u64,
    /// Tokens the model wrote.
    output_tokens: u64,
}

impl From<TokenUsage> for Usage {
    fn from(TokenUsage { input_tokens, output_tokens }: TokenUsage) -> Self {
        Self { input_tokens, output_tokens }
    }
}

/// Answers what the user said, with the caller's own OpenAI key.
#[utoipa::path(
    post, path = "/api/conversation", tag = "conversation", request_body = Exchange,
    responses(
        (status = 200, description = "The reply; with `stream` as events of the schema `SpeechEvent`.", content(
            (Reply = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 401, description = "OpenAI does not accept the key.",
         body = base::error::Problem, content_type = "application/problem+json"),
        (status = 502, description = "OpenAI failed.",
         body = base::error::Problem, content_type = "application/problem+json"),
        (status = 504, description = "OpenAI did not answer in time.",
         body = base::error::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn hold_conversation(
    State(app): State<App>,
    Extension(address): Extension<ClientAddress>,
    Json(exchange): Json<Exchange>,
) -> Result<Response> {
    check(&exchange)?;
    let Exchange { api_key, message, history, model, stream } = exchange;
    let api_key = key::checked(api_key)?;
    let allowance = app.limiter.take(CONVERSATION_POLICY, &address.limit_key()).await?;

    let prompt = prompt_of(message, history, model.unwrap_or_else(|| MODEL_DEFAULT.to_owned()));
    let client = app.openai(api_key);
    let mut response = if stream {
        let reply = client.stream(&prompt).await.map_err(failure::answer)?;
        speech::speak(reply, prompt.model)
    } else {
        let reply = client.complete(&prompt).await.map_err(failure::answer)?;
        request::note(|notes| note(notes, &prompt.model, reply.usage.map(Into::into)));
        Json(Reply { response: reply.text, model: reply.model, usage: reply.usage.map(Into::into) }).into_response()
    };
    response.headers_mut().extend(allowance.headers());
    Ok(response)
}

fn check(exchange: &Exchange) -> Result<()> {
    let is_long = |text: &str| text.len() > MESSAGE_BYTES_MAX;
    if exchange.message.trim().is_empty() || is_long(&exchange.message) {
        return Err(Error::invalid("/message", format!("Say something, up to {MESSAGE_BYTES_MAX} bytes.")));
    }
    if exchange.history.len() > HISTORY_LEN_MAX {
        return Err(Error::invalid("/history", format!("At most {HISTORY_LEN_MAX} messages may come along.")));
    }
    if let Some(index) = exchange.history.iter().position(|said| is_long(&said.content)) {
        let detail = format!("A message may have up to {MESSAGE_BYTES_MAX} bytes.");
        return Err(Error::invalid(format!("/history/{index}/content"), detail));
    }
    let is_name =
        |name: &String| (1..=MODEL_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if !exchange.model.as_ref().is_none_or(is_name) {
        let detail = format!("Give 1 to {MODEL_BYTES_MAX} visible ASCII characters, or leave it out.");
        return Err(Error::invalid("/model", detail));
    }
    Ok(())
}

/// What the request's log line tells of the exchange. A name is noted once OpenAI has answered to it: before
/// that it may be any text.
pub(crate) fn note(notes: &mut Notes, model: &str, usage: Option<Usage>) {
    notes.model = Some(format!("openai/{model}"));
    notes.input_tokens = usage.map(|usage| usage.input_tokens);
    notes.output_tokens = usage.map(|usage| usage.output_tokens);
}

fn prompt_of(message: String, history: Vec<Said>, model: String) -> ChatPrompt {
    let earlier = history.into_iter().map(|said| {
        let role = match said.role {
            Speaker::User => Role::User,
            Speaker::Assistant => Role::Assistant,
        };
        Turn { role, text: said.content }
    });
    let turns = earlier.chain([Turn { role: Role::User, text: message }]).collect();
    ChatPrompt { model, system: None, turns, output_tokens_max: None }
}
