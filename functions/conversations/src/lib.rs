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
use axum::routing::get;
use utoipa::OpenApi;

pub use base::caller::App;

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
