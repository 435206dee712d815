//! `POST /api/users/me/import`: an export's document becomes the user's things.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::Json;
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Result};
use domain::import::{Document, Imported, import};
use http::StatusCode;

/// The largest document, in bytes. Gateways in front may take less: API Gateway takes 10 MB, and Lambda 6 MB.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Makes all rows of an export's document the user's, with the ids that they had, or none of them. Nothing may be there
/// yet but consents, to which those of the document are added. It is one action, so it can be undone as one as long
/// as it has at most 5,000 changes; consents stay.
#[utoipa::path(
    post, path = "/api/users/me/import", tag = "users", security(("bearer" = [])), request_body = Object,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses(
        (status = 200, description = "What was made.", body = Imported),
        (status = 409, description = "Something was made before (`not_empty`), or an id is taken (`id_taken`).",
         body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Something in it is not acceptable; `errors` names it, such as /entities/task/3.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn import_me(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    key: IdempotencyKey,
    Json(document): Json<Document>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "POST /api/users/me/import", &document).await? {
        return Ok(answer.into_response());
    }
    let imported = import(&mut tx, user.id, &document, clock.new_id(), clock.now()).await?;
    key.commit(tx, user.id, StatusCode::OK, &imported).await
}
