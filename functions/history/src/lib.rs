//! A user's messages, newest first.
//!
//! | route | handler |
//! |---|---|
//! | `GET /api/chat/history` | [`list_history`] |

mod list_history;

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
    Router::new().route("/api/chat/history", get(list_history::list_history)).with_state(app)
}

#[derive(OpenApi)]
#[openapi(paths(list_history::list_history))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
