//! `DELETE /api/conversations/{id}/shares/{share_id}`: revoke a link.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::Path;
use base::idempotency::IdempotencyKey;
use base::{Db, Error, Result};
use domain::conversation;
use domain::conversation::share;
use http::StatusCode;
use uuid::Uuid;

/// Revokes a link: from then on it shows nothing.
#[utoipa::path(
    delete, path = "/api/conversations/{id}/shares/{share_id}", tag = "conversations", security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id, also as a client made it up."),
        ("share_id" = String, Path, description = "The link's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
    ),
    responses((status = 204, description = "It is revoked."))
)]
pub(crate) async fn delete_share(
    user: User,
    State(db): State<Db>,
    Path((name, share_id)): Path<(String, Uuid)>,
    key: IdempotencyKey,
) -> Result<Response> {
    let id = conversation::id_of_client_name(user.id, &name);
    let mut tx = db.as_writer(user.id).await?;
    let operation = "DELETE /api/conversations/{id}/shares/{share_id}";
    if let Some(answer) = key.claim(&mut tx, user.id, operation, &(id, share_id)).await? {
        return Ok(answer.into_response());
    }
    if !share::delete(&mut tx, user.id, id, share_id).await? {
        return Err(Error::not_found("link"));
    }
    key.commit(tx, user.id, StatusCode::NO_CONTENT, &()).await
}
