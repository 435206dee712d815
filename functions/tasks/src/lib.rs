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
//! | `GET /api/tasks/{id}/recurrence` | [`find_recurrence`] |
//! | `PUT /api/tasks/{id}/recurrence` | [`update_recurrence`] |
//! | `DELETE /api/tasks/{id}/recurrence` | [`delete_recurrence`] |
//! | `GET /api/tasks/{id}/occurrences` | [`list_occurrences`] |
//! | `PUT /api/tasks/{id}/occurrences/{occurrence_id}` | [`update_occurrence`] |
//! | `PUT /api/tasks/{id}/occurrences/{occurrence_id}/status` | [`update_occurrence_status`] |
//! | `GET /api/occurrences` | [`list_agenda`] |
//! | `POST /api/tasks/away` | [`report_absence`] |

mod agenda;
mod create_task;
mod delete_recurrence;
mod delete_task;
mod find_recurrence;
mod find_task;
mod find_tree;
mod list_agenda;
mod list_occurrences;
mod list_tasks;
mod report_absence;
mod update_occurrence;
mod update_occurrence_status;
mod update_recurrence;
mod update_status;
mod update_task;
mod update_tasks;

use axum::Router;
use axum::routing::{get, post, put};
use utoipa::OpenApi;

pub use base::caller::App;

/// The routes.
pub fn router(app: App) -> Router {
    let all = get(list_tasks::list_tasks).post(create_task::create_task).patch(update_tasks::update_tasks);
    let one = get(find_task::find_task).put(update_task::update_task).delete(delete_task::delete_task);
    let recurrence = get(find_recurrence::find_recurrence)
        .put(update_recurrence::update_recurrence)
        .delete(delete_recurrence::delete_recurrence);
    Router::new()
        .route("/api/tasks", all)
        .route("/api/tasks/{id}", one)
        .route("/api/tasks/{id}/status", put(update_status::update_status))
        .route("/api/tasks/{id}/tree", get(find_tree::find_tree))
        .route("/api/tasks/{id}/recurrence", recurrence)
        .route("/api/tasks/{id}/occurrences", get(list_occurrences::list_occurrences))
        .route("/api/tasks/{id}/occurrences/{occurrence_id}", put(update_occurrence::update_occurrence))
        .route(
            "/api/tasks/{id}/occurrences/{occurrence_id}/status",
            put(update_occurrence_status::update_occurrence_status),
        )
        .route("/api/occurrences", get(list_agenda::list_agenda))
        .route("/api/tasks/away", post(report_absence::report_absence))
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
    find_tree::find_tree,
    find_recurrence::find_recurrence,
    update_recurrence::update_recurrence,
    delete_recurrence::delete_recurrence,
    list_occurrences::list_occurrences,
    update_occurrence::update_occurrence,
    update_occurrence_status::update_occurrence_status,
    list_agenda::list_agenda,
    report_absence::report_absence
))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
