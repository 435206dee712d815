//! `DELETE /api/tasks/{id}/recurrence`: makes a task recur no longer.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::Path;
use base::idempotency::IdempotencyKey;
use base::if_match::IfMatch;
use base::{Clock, Db, Error, Result};
use domain::recurrence;
use http::StatusCode;
use uuid::Uuid;

/// Makes a task recur no longer. Occurrences that nobody touched go; what was done, skipped or missed stays, and what
/// was begun, moved or changed is cancelled.
#[utoipa::path(
    delete, path = "/api/tasks/{id}/recurrence", tag = "recurrence", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The task's id."),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
           ("If-Match" = Option<String>, Header, description = "The `ETag` of what is meant.")),
    responses((status = 204, description = "It recurs no longer."),
              (status = 412, description = "It was changed since.",
               body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn delete_recurrence(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    key: IdempotencyKey,
    if_match: IfMatch,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "DELETE /api/tasks/{id}/recurrence", &id).await? {
        return Ok(answer.into_response());
    }
    let current = recurrence::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("recurrence"))?;
    if_match.check(&current)?;
    recurrence::delete(&mut tx, user.id, id, clock.now()).await?;
    key.commit(tx, user.id, StatusCode::NO_CONTENT, &()).await
}
