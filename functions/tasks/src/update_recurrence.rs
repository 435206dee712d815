//! `PUT /api/tasks/{id}/recurrence`: makes a task recur, or changes how it does.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::{Json, Path};
use base::idempotency::IdempotencyKey;
use base::if_match::IfMatch;
use base::{Clock, Db, Error, Result};
use domain::recurrence::{self, Change, Recurrence};
use domain::task;
use http::StatusCode;
use uuid::Uuid;

/// Makes a task recur, or changes how it does: what is left out stays, or gets its default where there is nothing yet.
/// Occurrences that nobody touched and that are not yet past are made anew; all others stay as they are. They are kept
/// from the day on which the task was made to recur, however long before the rule began.
#[utoipa::path(
    put, path = "/api/tasks/{id}/recurrence", tag = "recurrence", security(("bearer" = [])), request_body = Change,
    params(("id" = Uuid, Path, description = "The task's id."),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
           ("If-Match" = Option<String>, Header, description = "The `ETag` that the change was made from.")),
    responses((status = 200, description = "How it recurs now.", body = Recurrence),
              (status = 201, description = "It recurs from now on.", body = Recurrence),
              (status = 409, description = "The task is closed (`task_closed`), or too many recur already \
               (`too_many_recurrences`).", body = Problem, content_type = "application/problem+json"),
              (status = 412, description = "It was changed since.",
               body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn update_recurrence(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    key: IdempotencyKey,
    if_match: IfMatch,
    Json(change): Json<Change>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "PUT /api/tasks/{id}/recurrence", &(id, &change)).await? {
        return Ok(answer.into_response());
    }
    let task = task::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("task"))?;
    let current = recurrence::find(&mut tx, user.id, id).await?;
    if_match.check(&current)?;
    if !task.status.is_open() {
        return Err(Error::conflict("task_closed", "The task is done, cancelled or archived. Open it again first."));
    }
    let (kept, is_new) = recurrence::put(&mut tx, user.id, &task, &change, clock.new_id(), clock.now()).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    key.commit(tx, user.id, status, &kept).await
}
