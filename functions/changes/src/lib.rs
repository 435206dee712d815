//! What happened to a user's things, and taking it back.
//!
//! | route | handler |
//! |---|---|
//! | `GET /api/changes` | [`list_changes`] |
//! | `POST /api/undo/{action_group}` | [`undo_action`] |

mod list_changes;
mod undo_action;

use axum::Router;
use axum::routing::{get, post};
use utoipa::OpenApi;

pub use base::caller::App;

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/api/changes", get(list_changes::list_changes))
        .route("/api/undo/{action_group}", post(undo_action::undo_action))
        .with_state(app)
}

#[derive(OpenApi)]
#[openapi(paths(list_changes::list_changes, undo_action::undo_action))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
