//! The voice proxy: one exchange with the caller's own OpenAI key.
//!
//! | route | handler |
//! |---|---|
//! | `POST /api/conversation` | [`hold_conversation`] |
//! | `POST /api/conversation/session` | [`create_session`] |
//!
//! It stores nothing and has no database. The key is a [`secrecy::SecretString`] from the moment it is parsed,
//! and goes to the configured OpenAI address only.

mod create_session;
mod failure;
mod hold_conversation;
mod key;
mod sentences;
mod speech;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use base::Clock;
use base::config::Env;
use base::http_client::HttpClient;
use base::rate_limit::{Limiter, Policy};
use base::store::Store;
use providers::OpenAiClient;
use providers::realtime::{self, RealtimeSettings};
use providers::retry::CallLimits;
use secrecy::SecretString;
use utoipa::OpenApi;

/// How many exchanges an address may have.
const CONVERSATION_POLICY: Policy = Policy { name: "conversation", quota: 60, window: Duration::from_mins(1) };
/// How many Realtime sessions an address may begin.
const SESSION_POLICY: Policy = Policy { name: "conversation-session", quota: 10, window: Duration::from_mins(1) };
/// The largest body, in bytes.
const BODY_BYTES_MAX: usize = 512 * 1024;
/// OpenAI's own address.
const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
/// The model that answers when the caller names none.
const MODEL_DEFAULT: &str = "gpt-6-luna";

/// What this function may use: the network, to one address, and the short-lived store, to count how often.
#[derive(Debug, Clone)]
pub struct App {
    limiter: Limiter,
    base_url: Arc<str>,
    limits: CallLimits,
    realtime: Arc<RealtimeSettings>,
    http: HttpClient,
}

impl App {
    /// Reads `STORE_TABLE`, `OPENAI_BASE_URL`, the [`CallLimits`], and `REALTIME_MODEL`, `REALTIME_VOICE` and
    /// `REALTIME_INSTRUCTIONS` for sessions.
    pub fn from_env(env: &Env) -> base::Result<Self> {
        let (clock, http) = (Clock::system(), HttpClient::default());
        let store = Store::from_env(env, clock.clone(), &http)?;
        Self::new(env, Limiter::from_env(env, clock, store)?, http)
    }

    /// The same with parts that are shared with other functions.
    pub fn new(env: &Env, limiter: Limiter, http: HttpClient) -> base::Result<Self> {
        let realtime = RealtimeSettings {
            model: env.get("REALTIME_MODEL").unwrap_or(realtime::REALTIME_MODEL_DEFAULT).to_owned(),
            voice: env.get("REALTIME_VOICE").map(str::to_owned),
            instructions: env.get("REALTIME_INSTRUCTIONS").map(str::to_owned),
            expires_seconds: realtime::EXPIRES_SECONDS_DEFAULT,
        };
        let base_url = env.get("OPENAI_BASE_URL").unwrap_or(OPENAI_BASE_URL).into();
        let limits = CallLimits::from_env(env)?;
        Ok(Self { limiter, base_url, limits, realtime: Arc::new(realtime), http })
    }

    /// OpenAI, called with the caller's key. The connections beneath are shared, and made on first use.
    fn openai(&self, api_key: SecretString) -> OpenAiClient {
        let http = self.http.get().clone();
        OpenAiClient::new(http, &self.base_url, Some(api_key)).with_limits(self.limits)
    }
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/api/conversation", post(hold_conversation::hold_conversation))
        .route("/api/conversation/session", post(create_session::create_session))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(app)
}

#[derive(OpenApi)]
#[openapi(
    paths(hold_conversation::hold_conversation, create_session::create_session),
    components(schemas(speech::SpeechEvent))
)]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
