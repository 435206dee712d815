//! Tasks: what is to be done, with subtasks below them.
//!
//! | route | handler |
//! |---|---|
//! | `GET /api/tasks` | [`list_tasks`] |
//! | `POST /api/tasks` | [`create_task`] |
//! | `PATCH /api/tasks` | [`update_tasks`] |
//! | `GET /api/tasks/{id}` | [`find_task`] |
//! | `PUT /api/tasks/{id}` | [`update_task`] |
//! | `DELETE /api/tasks/{id}` | [`delete_task`] |
//! | `PUT /api/tasks/{id}/status` | [`update_status`] |
//! | `GET /api/tasks/{id}/tree` | [`find_tree`] |

mod create_task;
mod delete_task;
mod find_task;
mod find_tree;
mod list_tasks;
mod update_status;
mod update_task;
mod update_tasks;

use axum::Router;
use axum::routing::{get, put};
use utoipa::OpenApi;

pub use base::caller::App;

/// The routes.
pub fn router(app: App) -> Router {
    let all = get(list_tasks::list_tasks).post(create_task::create_task).patch(update_tasks::update_tasks);
    let one = get(find_task::find_task).put(update_task::update_task).delete(delete_task::delete_task);
    Router::new()
        .route("/api/tasks", all)
        .route("/api/tasks/{id}", one)
        .route("/api/tasks/{id}/status", put(update_status::update_status))
        .route("/api/tasks/{id}/tree", get(find_tree::find_tree))
        .with_state(app)
}

#[derive(OpenApi)]
#[openapi(paths(
    list_tasks::list_tasks,
    create_task::create_task,
    update_tasks::update_tasks,
    find_task::find_task,
    update_task::update_task,
    delete_task::delete_task,
    update_status::update_status,
    find_tree::find_tree
))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
