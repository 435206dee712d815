//! `DELETE /api/notes/{id}`: deletes a note and the notes below it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::Path;
use base::idempotency::IdempotencyKey;
use base::if_match::IfMatch;
use base::{Db, Error, Result};
use domain::note;
use http::StatusCode;
use uuid::Uuid;

/// Deletes a note and the notes below it. The tasks of their check boxes stay. Undoing puts all of it back.
#[utoipa::path(
    delete, path = "/api/notes/{id}", tag = "notes", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The note's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the decision was made from."),
    ),
    responses(
        (status = 204, description = "Deleted."),
        (status = 412, description = "It was changed since: `precondition_failed`.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete_note(
    user: User,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    key: IdempotencyKey,
    if_match: IfMatch,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "DELETE /api/notes/{id}", &(id,)).await? {
        return Ok(answer.into_response());
    }
    let current = note::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("note"))?;
    if_match.check(&current)?;
    note::delete(&mut tx, user.id, id).await?;
    key.commit(tx, user.id, StatusCode::NO_CONTENT, &()).await
}
