//! Notes: documents in a tree, whose check boxes are tasks.
//!
//! | route | handler |
//! |---|---|
//! | `GET /api/notes` | [`list_notes`] |
//! | `POST /api/notes` | [`create_note`] |
//! | `GET /api/notes/{id}` | [`find_note`] |
//! | `PUT /api/notes/{id}` | [`update_note`] |
//! | `DELETE /api/notes/{id}` | [`delete_note`] |
//! | `GET /api/notes/{id}/tasks` | [`list_note_tasks`] |
//!
//! Saving a note changes the tasks of its check boxes in the same transaction, and changing a task ticks its box.

mod create_note;
mod delete_note;
mod find_note;
mod list_note_tasks;
mod list_notes;
mod update_note;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
pub use base::caller::App;
use utoipa::OpenApi;

/// The largest body of a write, in bytes: the largest content, written with escapes and spaces, and all else.
const BODY_BYTES_MAX: usize = 2 * domain::note::CONTENT_BYTES_MAX;

/// The routes.
pub fn router(app: App) -> Router {
    let note = get(find_note::find_note).put(update_note::update_note).delete(delete_note::delete_note);
    Router::new()
        .route("/api/notes", get(list_notes::list_notes).post(create_note::create_note))
        .route("/api/notes/{id}", note)
        .route("/api/notes/{id}/tasks", get(list_note_tasks::list_note_tasks))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(app)
}

#[derive(OpenApi)]
#[openapi(paths(
    list_notes::list_notes,
    create_note::create_note,
    find_note::find_note,
    update_note::update_note,
    delete_note::delete_note,
    list_note_tasks::list_note_tasks
))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
