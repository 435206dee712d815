//! `PUT /api/tasks/{id}/status`: says how far a task is.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::{Json, Path};
use base::idempotency::IdempotencyKey;
use base::if_match::IfMatch;
use base::{Clock, Db, Error, Result};
use domain::task::{self, Status, Task};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskStatusChange)]
pub(crate) struct StatusChange {
    /// How far the task is.
    status: Status,
    /// Whether the open tasks below it, on all levels, end with it. Not for `pending` and `in_progress`.
    #[serde(default)]
    subtasks: bool,
}

/// Says how far a task is. Tasks below it stay as they are, unless `subtasks` says that the open ones end with it, in
/// the same action. `completed_at` is set when it becomes done, and null when it no longer is.
#[utoipa::path(
    put, path = "/api/tasks/{id}/status", tag = "tasks", security(("bearer" = [])), request_body = StatusChange,
    params(("id" = Uuid, Path, description = "The task's id."),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
           ("If-Match" = Option<String>, Header, description = "The `ETag` that the change was made from.")),
    responses((status = 200, description = "The task as now kept.", body = Task),
              (status = 412, description = "The task was changed since.",
               body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn update_status(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    key: IdempotencyKey,
    if_match: IfMatch,
    Json(change): Json<StatusChange>,
) -> Result<Response> {
    if change.subtasks && change.status.is_open() {
        return Err(Error::invalid("/subtasks", "Only done, cancelled and archived reach the tasks below."));
    }
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "PUT /api/tasks/{id}/status", &(id, &change)).await? {
        return Ok(answer.into_response());
    }
    let current = task::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("task"))?;
    if_match.check(&current)?;
    let mut tasks = vec![current];
    if change.subtasks {
        tasks.extend(task::list_open_below(&mut tx, user.id, id).await?);
    }
    let updated = task::set_status(&mut tx, user.id, tasks, change.status, clock.now()).await?;
    key.commit(tx, user.id, StatusCode::OK, &updated[0]).await
}
