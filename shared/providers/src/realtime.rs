//! Client secrets for OpenAI Realtime: a browser speaks with the model itself, with a short-lived
//! credential whose settings the server has fixed.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{ProviderError, ProviderErrorKind};
use crate::openai::OpenAiClient;

/// The model when none is configured.
pub const REALTIME_MODEL_DEFAULT: &str = "gpt-realtime-2.1";
/// How long a secret is good for when nothing else is configured, in seconds.
pub const EXPIRES_SECONDS_DEFAULT: u32 = 600;

/// What the server fixes for a session; the holder of the secret cannot change it beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealtimeSettings {
    /// The vendor's model name.
    pub model: String,
    /// Standing instructions, if any.
    pub instructions: Option<String>,
    /// The voice of the replies; absent means the vendor's default.
    pub voice: Option<String>,
    /// How long the secret may be used to start a session, in seconds.
    pub expires_seconds: u32,
}

/// A minted secret. It is a credential, so its value never prints.
#[derive(Debug, Clone)]
pub struct RealtimeSecret {
    /// The `ek_…` key for the browser.
    pub value: SecretString,
    /// When it can no longer start a session.
    pub expires_at: Timestamp,
    /// The session's model, as the vendor names it.
    pub model: String,
}

#[derive(Deserialize)]
struct Answer {
    value: SecretString,
    expires_at: i64,
    #[serde(default)]
    session: Value,
}

impl OpenAiClient {
    /// Mints a client secret with this client's key. Only OpenAI itself serves this.
    pub async fn mint_realtime_secret(&self, settings: &RealtimeSettings) -> Result<RealtimeSecret, ProviderError> {
        let mut session = json!({"type": "realtime", "model": settings.model});
        if let Some(instructions) = &settings.instructions {
            session["instructions"] = instructions.as_str().into();
        }
        if let Some(voice) = &settings.voice {
            session["audio"] = json!({"output": {"voice": voice}});
        }
        let expires_after = json!({"anchor": "created_at", "seconds": settings.expires_seconds});
        let body = json!({"expires_after": expires_after, "session": session});
        let answer = self.call("realtime/client_secrets", &body).await?;
        // The parser's error could quote the secret, so it is left out.
        let malformed = || ProviderError::new(ProviderErrorKind::Malformed).with_source("no client secret as expected");
        let answer: Answer = serde_json::from_slice(&answer).map_err(|_| malformed())?;
        let expires_at = Timestamp::from_second(answer.expires_at).map_err(|_| malformed())?;
        let model = answer.session["model"].as_str().unwrap_or(&settings.model).to_owned();
        Ok(RealtimeSecret { value: answer.value, expires_at, model })
    }
}
