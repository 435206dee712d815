//! A user's messages, newest first.
//!
//! | route | handler |
//! |---|---|
//! | `GET /api/chat/history` | [`list_history`] |

mod list_history;

use axum::Router;
use axum::routing::get;
use utoipa::OpenApi;

pub use base::caller::App;

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
