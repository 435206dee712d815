//! Clerk tells of its users: made, changed, deleted.
//!
//! | route | handler |
//! |---|---|
//! | `POST /api/webhooks/clerk` | [`receive_event`] |
//!
//! A user who was deleted at Clerk is shut out at once and deleted here by a job, which the outbox holds.
//!
//! Webhooks come late, doubled and out of order. Whatever the order, the rows end equal: a change carries
//! Clerk's own time and loses to a newer one, and a deletion is final.

mod event;
mod receive_event;
mod settings;
mod signature;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use base::config::Env;
use base::http_client::HttpClient;
use base::queue::JobsQueue;
use base::{Clock, Db};
use utoipa::OpenApi;

pub use settings::Settings;

/// The largest event taken, in bytes.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// What this function may use: the database as the service, since no user is asking, and the queue that is told when it
/// leaves work in the outbox.
#[derive(Debug, Clone)]
pub struct App {
    db: Db,
    clock: Clock,
    settings: Option<Arc<Settings>>,
}

impl App {
    /// Reads `DATABASE_SERVICE_URL`, `CLERK_WEBHOOK_SECRET`, `CLERK_ISSUER` and `JOBS_QUEUE_URL`.
    pub fn from_env(env: &Env) -> base::Result<Self> {
        let db = Db::service_from_env(env)?;
        let db = match JobsQueue::from_env(env, &HttpClient::default())? {
            Some(queue) => db.announcing(Arc::new(queue)),
            None => db,
        };
        Ok(Self::new(db, Settings::from_env(env)?, Clock::system()))
    }

    /// Without settings every event is answered 503, so that Clerk sends it again.
    pub fn new(db: Db, settings: Option<Settings>, clock: Clock) -> Self {
        Self { db, clock, settings: settings.map(Arc::new) }
    }
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/api/webhooks/clerk", post(receive_event::receive_event))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(app)
}

#[derive(OpenApi)]
#[openapi(paths(receive_event::receive_event))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
