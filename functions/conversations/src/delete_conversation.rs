//! `DELETE /api/conversations/{id}`: delete a conversation with its messages, and end its links.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::Path;
use base::idempotency::IdempotencyKey;
use base::{Db, Error, Result};
use domain::conversation;
use http::StatusCode;

/// Deletes a conversation with its messages and ends its links. A reply being written is given up.
#[utoipa::path(
    delete, path = "/api/conversations/{id}", tag = "conversations", security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id, also as a client made it up."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
    ),
    responses((status = 204, description = "It is deleted."))
)]
pub(crate) async fn delete_conversation(
    user: User,
    State(db): State<Db>,
    Path(name): Path<String>,
    key: IdempotencyKey,
) -> Result<Response> {
    let id = conversation::id_of_client_name(user.id, &name);
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "DELETE /api/conversations/{id}", &(id,)).await? {
        return Ok(answer.into_response());
    }
    if !conversation::delete(&mut tx, user.id, id).await? {
        return Err(Error::not_found("conversation"));
    }
    key.commit(tx, user.id, StatusCode::NO_CONTENT, &()).await
}
