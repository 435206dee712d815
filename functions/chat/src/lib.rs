//! Talking to a model.
//!
//! | route | handler |
//! |---|---|
//! | `POST /api/chat` | [`send_message`] |
//! | `GET /api/chat/{id}/stream` | [`resume_stream`] |
//! | `POST /api/chat/{id}/stop` | [`stop_reply`] |
//! | `POST /api/conversations/{id}/messages` | [`send_conversation_message`] |
//!
//! A send goes through these rooms: [`body`] reads what the client sent, [`begin_reply`] commits the question
//! ([`question`]) and an empty reply, [`write_reply`] runs the model in a task of its own and saves what it says
//! ([`saves`], [`store_ending`]), [`live`] lets any number of clients [`follow`] it, [`hand_over`] those of other processes
//! too, and [`answer`] puts it into the format the client asked for.

mod answer;
mod begin_reply;
mod block;
mod body;
mod follow;
mod hand_over;
mod live;
mod models;
mod outcome;
mod prompt;
mod question;
mod resume_stream;
mod room;
mod saves;
mod send_conversation_message;
mod send_message;
mod stop_reply;
mod store_ending;
mod usage;
mod write_reply;

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::{get, post};
use base::auth::Auth;
use base::config::{ConfigError, Env};
use base::http_client::HttpClient;
use base::rate_limit::{Limiter, Policy};
use base::store::Store;
use base::{Clock, Db};
use utoipa::OpenApi;

pub use live::LiveReplies;
pub use models::Models;

/// How many sends a user may make.
const SEND_POLICY: Policy = Policy { name: "chat", quota: 60, window: Duration::from_mins(1) };
/// The largest body, in bytes. AI SDK clients send the whole history each time, of which only the end is read.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Until when a writer that has not been heard of is taken to live, by default.
const LEASE_DEFAULT: Duration = Duration::from_secs(15);
/// Far below the time after which a reply is ended.
const LEASE_MAX: Duration = Duration::from_mins(5);

/// What this function may use: the database as the caller, and the model providers.
#[derive(Debug, Clone, FromRef)]
pub struct App {
    /// Whose tokens are taken.
    pub auth: Auth,
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// How often a user may send.
    pub limiter: Limiter,
    /// The models.
    pub models: Models,
    /// Where other processes read the replies that this one writes.
    pub store: Store,
    /// The replies being written by this process.
    pub live: LiveReplies,
    /// How long a reply's writer is taken to live after it was last heard of.
    pub lease: Lease,
    /// How long a model may take over a reply: 13 minutes.
    #[from_ref(skip)]
    pub reply_time_max: Duration,
    /// After how long without news a stream says that it lives: 15 seconds.
    #[from_ref(skip)]
    pub keep_alive: Duration,
}

/// How long a reply's writer is taken to live after it was last heard of. It shows itself several times in that.
#[derive(Debug, Clone, Copy)]
pub struct Lease(pub Duration);

impl Lease {
    /// Reads `CHAT_LEASE_SECONDS` (default 15, from 1 to 300).
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let bounds = 1..=LEASE_MAX.as_secs();
        env.parse_within("CHAT_LEASE_SECONDS", LEASE_DEFAULT.as_secs(), bounds).map(Duration::from_secs).map(Self)
    }
}

impl App {
    /// Reads `DATABASE_URL`, `AUTH_ISSUERS`, `STORE_TABLE`, `CHAT_LEASE_SECONDS` and the settings of the model providers.
    pub fn from_env(env: &Env) -> base::Result<Self> {
        let (db, clock) = (Db::from_env(env)?, Clock::system());
        let http = HttpClient::default();
        let auth = Auth::from_env(env, db.clone(), clock.clone(), &http)?;
        let store = Store::from_env(env, clock.clone(), &http)?;
        let limiter = Limiter::from_env(env, clock.clone(), store.clone())?;
        Ok(Self { store, ..Self::new(env, auth, db, clock, limiter, http)? })
    }

    /// The same with parts that are shared with other functions, and a store of its own.
    pub fn new(env: &Env, auth: Auth, db: Db, clock: Clock, limiter: Limiter, http: HttpClient) -> base::Result<Self> {
        Ok(Self {
            auth,
            db,
            store: Store::memory(clock.clone()),
            clock,
            limiter,
            models: Models::from_env(env, http)?,
            live: LiveReplies::default(),
            lease: Lease::from_env(env)?,
            reply_time_max: write_reply::REPLY_TIME_MAX,
            keep_alive: answer::KEEP_ALIVE,
        })
    }
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/api/chat", post(send_message::send_message).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)))
        .route("/api/chat/{id}/stream", get(resume_stream::resume_stream))
        .route("/api/chat/{id}/stop", post(stop_reply::stop_reply))
        .route("/api/conversations/{id}/messages", post(send_conversation_message::send_conversation_message))
        .with_state(app)
}

#[derive(OpenApi)]
#[openapi(paths(
    send_message::send_message,
    resume_stream::resume_stream,
    stop_reply::stop_reply,
    send_conversation_message::send_conversation_message
))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
