//! Users: themselves, their preferences, and what administrators do with them.
//!
//! | route | handler |
//! |---|---|
//! | `GET /api/users/me` | [`find_me`] |
//! | `PUT /api/users/me` | [`update_me`] |
//! | `POST /api/users/me/deactivate` | [`deactivate_me`] |
//! | `GET /api/users/preferences` | [`find_preferences`] |
//! | `PUT /api/users/preferences` | [`update_preferences`] |
//! | `GET /api/users` | [`list_users`], for administrators |
//! | `PATCH /api/users/{id}` | [`update_user`], for administrators |
//!
//! Nobody becomes an administrator by what a token or a webhook says: the first one is made on the server.

mod deactivate_me;
mod find_me;
mod find_preferences;
mod list_users;
mod update_me;
mod update_preferences;
mod update_user;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::{get, patch, post};
use base::auth::Auth;
use base::config::Env;
use base::http_client::HttpClient;
use base::{Clock, Db, Error};
use utoipa::OpenApi;

/// What this function may use: the database as the caller.
#[derive(Debug, Clone, FromRef)]
pub struct App {
    auth: Auth,
    db: Db,
    clock: Clock,
}

impl App {
    /// Reads `DATABASE_URL` and `AUTH_ISSUERS`.
    pub fn from_env(env: &Env) -> base::Result<Self> {
        let (db, clock) = (Db::from_env(env)?, Clock::system());
        Ok(Self::new(Auth::from_env(env, db.clone(), clock.clone(), &HttpClient::default())?, db, clock))
    }

    /// Takes the tokens that `auth` takes.
    pub fn new(auth: Auth, db: Db, clock: Clock) -> Self {
        Self { auth, db, clock }
    }
}

/// The routes.
pub fn router(app: App) -> Router {
    let preferences = get(find_preferences::find_preferences)
        .put(update_preferences::update_preferences)
        .layer(DefaultBodyLimit::max(update_preferences::BODY_BYTES_MAX));
    Router::new()
        .route("/api/users/me", get(find_me::find_me).put(update_me::update_me))
        .route("/api/users/me/deactivate", post(deactivate_me::deactivate_me))
        .route("/api/users/preferences", preferences)
        .route("/api/users", get(list_users::list_users))
        .route("/api/users/{id}", patch(update_user::update_user))
        .with_state(app)
}

/// An administrator who locks themselves out may be the last one.
fn keeps_administrators(detail: &'static str) -> Error {
    Error::conflict("own_administrator", detail)
}

#[derive(OpenApi)]
#[openapi(paths(
    find_me::find_me,
    update_me::update_me,
    deactivate_me::deactivate_me,
    find_preferences::find_preferences,
    update_preferences::update_preferences,
    list_users::list_users,
    update_user::update_user
))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
