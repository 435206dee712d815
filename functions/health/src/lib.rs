//! Is it up?
//!
//! | route | handler |
//! |---|---|
//! | `GET /api/health` | [`show_health`] |

mod show_health;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use base::config::Env;
use base::http_client::HttpClient;
use base::store::Store;
use base::{Clock, Db};
use utoipa::OpenApi;

/// What this function may use: the database and the short-lived store, to ask whether they answer.
#[derive(Debug, Clone, FromRef)]
pub struct App {
    /// The database.
    pub db: Db,
    /// The short-lived store, which limits are counted in.
    pub store: Store,
}

impl App {
    /// Reads `DATABASE_URL` and `STORE_TABLE`.
    pub fn from_env(env: &Env) -> base::Result<Self> {
        let store = Store::from_env(env, Clock::system(), &HttpClient::default())?;
        Ok(Self { db: Db::from_env(env)?, store })
    }
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new().route("/api/health", get(show_health::show_health)).with_state(app)
}

#[derive(OpenApi)]
#[openapi(paths(show_health::show_health))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
