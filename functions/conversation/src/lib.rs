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

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use base::Clock;
use base::config::Env;
use base::http_client;
use base::rate_limit::{Limiter, Policy};
use providers::realtime::{self, RealtimeSettings};
use utoipa::OpenApi;

/// How many exchanges an address may have.
const CONVERSATION_POLICY: Policy = Policy { name: "conversation", quota: 60, window: Duration::from_secs(60) };
/// How many Realtime sessions an address may begin.
const SESSION_POLICY: Policy = Policy { name: "conversation-session", quota: 10, window: Duration::from_secs(60) };
/// The largest body, in bytes.
const BODY_BYTES_MAX: usize = 512 * 1024;
/// OpenAI's own address.
const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
/// The model that answers when the caller names none.
const MODEL_DEFAULT: &str = "gpt-6-luna";

/// What this function may use: the network, to one address.
#[derive(Debug, Clone)]
pub struct App {
    limiter: Limiter,
    base_url: Arc<str>,
    realtime: Arc<RealtimeSettings>,
    http: Arc<OnceLock<reqwest::Client>>,
}

impl App {
    /// Reads `OPENAI_BASE_URL`, and `REALTIME_MODEL`, `REALTIME_VOICE` and `REALTIME_INSTRUCTIONS` for sessions.
    pub fn from_env(env: &Env) -> base::Result<Self> {
        Self::new(env, Limiter::from_env(env, Clock::system())?)
    }

    /// The same with a limiter that is shared with other functions.
    pub fn new(env: &Env, limiter: Limiter) -> base::Result<Self> {
        let realtime = RealtimeSettings {
            model: env.get("REALTIME_MODEL").unwrap_or(realtime::REALTIME_MODEL_DEFAULT).to_owned(),
            voice: env.get("REALTIME_VOICE").map(str::to_owned),
            instructions: env.get("REALTIME_INSTRUCTIONS").map(str::to_owned),
            expires_seconds: realtime::EXPIRES_SECONDS_DEFAULT,
        };
        let base_url = env.get("OPENAI_BASE_URL").unwrap_or(OPENAI_BASE_URL).into();
        Ok(Self { limiter, base_url, realtime: Arc::new(realtime), http: Arc::default() })
    }

    /// The client, made on first use.
    fn http(&self) -> reqwest::Client {
        self.http.get_or_init(http_client::build).clone()
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
