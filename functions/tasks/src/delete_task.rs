//! `DELETE /api/tasks/{id}`: deletes a task with everything below it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::Path;
use base::idempotency::IdempotencyKey;
use base::if_match::IfMatch;
use base::{Db, Error, Result};
use domain::task;
use http::StatusCode;
use uuid::Uuid;

/// Deletes a task with everything below it. Undoing the action brings all of it back.
#[utoipa::path(
    delete, path = "/api/tasks/{id}", tag = "tasks", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The task's id."),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
           ("If-Match" = Option<String>, Header, description = "The `ETag` of the task that is meant.")),
    responses((status = 204, description = "Deleted."),
              (status = 412, description = "The task was changed since.",
               body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn delete_task(
    user: User,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    key: IdempotencyKey,
    if_match: IfMatch,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "DELETE /api/tasks/{id}", &id).await? {
        return Ok(answer.into_response());
    }
    let current = task::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("task"))?;
    if_match.check(&current)?;
    task::delete(&mut tx, user.id, id).await?;
    key.commit(tx, user.id, StatusCode::NO_CONTENT, &()).await
}
