//! `PUT /api/tasks/{id}/occurrences/{occurrence_id}`: edits an occurrence, or what follows it, or all.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::{Json, Path};
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Error, Result};
use domain::occurrence::{self, Change, Edited};
use domain::task;
use http::StatusCode;
use uuid::Uuid;

/// Edits or moves an occurrence. With `scope: following` the series ends before it, and a task of its own goes on from
/// it; with `all` the task changes, and the whole series moves as this occurrence does. Either way, what was done,
/// skipped, begun, moved or changed by itself stays as it is, and does not come a second time.
#[utoipa::path(
    put, path = "/api/tasks/{id}/occurrences/{occurrence_id}", tag = "recurrence", security(("bearer" = [])),
    request_body = Change,
    params(("id" = Uuid, Path, description = "The task's id."),
           ("occurrence_id" = Uuid, Path, description = "The occurrence's id."),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses((status = 200, description = "What it led to.", body = Edited),
              (status = 409, description = "It is closed and cannot be moved (`occurrence_closed`), or its series is \
               gone (`not_recurring`).", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn update_occurrence(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path((id, occurrence_id)): Path<(Uuid, Uuid)>,
    key: IdempotencyKey,
    Json(change): Json<Change>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    let operation = "PUT /api/tasks/{id}/occurrences/{occurrence_id}";
    if let Some(answer) = key.claim(&mut tx, user.id, operation, &(id, occurrence_id, &change)).await? {
        return Ok(answer.into_response());
    }
    let task = task::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("task"))?;
    let found = occurrence::find(&mut tx, user.id, id, occurrence_id).await?;
    let found = found.ok_or_else(|| Error::not_found("occurrence"))?;
    let new_ids = [clock.new_id(), clock.new_id()];
    let edited = occurrence::change(&mut tx, user.id, task, found, &change, new_ids, clock.now());
    let edited = Box::pin(edited).await?;
    key.commit(tx, user.id, StatusCode::OK, &edited).await
}
