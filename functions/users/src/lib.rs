//! Users: themselves, their preferences, and what administrators do with them.
//!
//! | route | handler |
//! |---|---|
//! | `GET /api/users/me` | [`find_me`] |
//! | `PUT /api/users/me` | [`update_me`] |
//! | `DELETE /api/users/me` | [`delete_me`] |
//! | `GET /api/erasures/{receipt}` | [`find_erasure`], for whoever has the receipt |
//! | `GET /api/users/me/export` | [`export_me`] |
//! | `POST /api/users/me/import` | [`import_me`] |
//! | `GET /api/users/me/consents` | [`find_consents`] |
//! | `PUT /api/users/me/consents` | [`update_consents`] |
//! | `POST /api/users/me/deactivate` | [`deactivate_me`] |
//! | `GET /api/users/preferences` | [`find_preferences`] |
//! | `PUT /api/users/preferences` | [`update_preferences`] |
//! | `GET /api/users` | [`list_users`], for administrators |
//! | `PATCH /api/users/{id}` | [`update_user`], for administrators |
//!
//! Nobody becomes an administrator by what a token or a webhook says: the first one is made on the server.

mod deactivate_me;
mod delete_me;
mod export_me;
mod find_consents;
mod find_erasure;
mod find_me;
mod find_preferences;
mod import_me;
mod list_users;
mod update_consents;
mod update_me;
mod update_preferences;
mod update_user;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::{get, patch, post};
use base::auth::Auth;
use base::config::Env;
use base::http_client::HttpClient;
use base::queue::JobsQueue;
use base::rate_limit::{Limiter, Policy};
use base::store::Store;
use base::{Clock, Db, Error};
use utoipa::OpenApi;

/// How often an address may ask what became of erasures: whoever waits for one asks every few seconds.
const ERASURE_POLICY: Policy = Policy { name: "erasure", quota: 60, window: Duration::from_mins(1) };

/// What this function may use: the database as the caller, the queue that is told when it leaves work in the outbox,
/// and the short-lived store, to count how often receipts are shown.
#[derive(Debug, Clone, FromRef)]
pub struct App {
    auth: Auth,
    db: Db,
    clock: Clock,
    limiter: Limiter,
}

impl App {
    /// Reads `DATABASE_URL`, `AUTH_ISSUERS`, `JOBS_QUEUE_URL` and `STORE_TABLE`.
    pub fn from_env(env: &Env) -> base::Result<Self> {
        let (db, clock, http) = (Db::from_env(env)?, Clock::system(), HttpClient::default());
        let auth = Auth::from_env(env, db.clone(), clock.clone(), &http)?;
        let db = match JobsQueue::from_env(env, &http)? {
            Some(queue) => db.announcing(Arc::new(queue)),
            None => db,
        };
        let limiter = Limiter::from_env(env, clock.clone(), Store::from_env(env, clock.clone(), &http)?)?;
        Ok(Self::new(auth, db, clock, limiter))
    }

    /// `db` announces what is left in the outbox, where somebody can be told.
    pub fn new(auth: Auth, db: Db, clock: Clock, limiter: Limiter) -> Self {
        Self { auth, db, clock, limiter }
    }
}

/// The routes.
pub fn router(app: App) -> Router {
    let preferences = get(find_preferences::find_preferences)
        .put(update_preferences::update_preferences)
        .layer(DefaultBodyLimit::max(update_preferences::BODY_BYTES_MAX));
    let import = post(import_me::import_me).layer(DefaultBodyLimit::max(import_me::BODY_BYTES_MAX));
    Router::new()
        .route("/api/users/me", get(find_me::find_me).put(update_me::update_me).delete(delete_me::delete_me))
        .route("/api/users/me/export", get(export_me::export_me))
        .route("/api/users/me/import", import)
        .route("/api/users/me/consents", get(find_consents::find_consents).put(update_consents::update_consents))
        .route("/api/erasures/{receipt}", get(find_erasure::find_erasure))
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
    delete_me::delete_me,
    find_erasure::find_erasure,
    export_me::export_me,
    import_me::import_me,
    find_consents::find_consents,
    update_consents::update_consents,
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
