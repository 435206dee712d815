//! Conversations and their messages.
//!
//! | route | handler |
//! |---|---|
//! | `GET /api/conversations` | [`list_conversations`] |
//! | `GET /api/conversations/{id}` | [`find_conversation`] |
//! | `GET /api/conversations/{id}/messages` | [`list_messages`] |

mod find_conversation;
mod list_conversations;
mod list_messages;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use base::auth::Auth;
use base::config::Env;
use base::http_client::HttpClient;
use base::{Clock, Db};
use utoipa::OpenApi;

/// What this function may use: the database as the caller.
#[derive(Debug, Clone, FromRef)]
pub struct App {
    /// Whose tokens are taken.
    pub auth: Auth,
    /// The database.
    pub db: Db,
}

impl App {
    /// Reads `DATABASE_URL` and `AUTH_ISSUERS`.
    pub fn from_env(env: &Env) -> base::Result<Self> {
        let db = Db::from_env(env)?;
        Ok(Self { auth: Auth::from_env(env, db.clone(), Clock::system(), &HttpClient::default())?, db })
    }
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/api/conversations", get(list_conversations::list_conversations))
        .route("/api/conversations/{id}", get(find_conversation::find_conversation))
        .route("/api/conversations/{id}/messages", get(list_messages::list_messages))
        .with_state(app)
}

#[derive(OpenApi)]
#[openapi(paths(
    list_conversations::list_conversations,
    find_conversation::find_conversation,
    list_messages::list_messages
))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
