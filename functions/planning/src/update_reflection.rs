//! `PUT /api/reflections/{id}`: changes a reflection.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::{Json, Path};
use base::idempotency::IdempotencyKey;
use base::if_match::IfMatch;
use base::{Clock, Db, Error, Result};
use domain::reflection::{self, Change, Reflection};
use http::StatusCode;
use uuid::Uuid;

/// Changes what is sent and leaves the rest.
#[utoipa::path(
    put, path = "/api/reflections/{id}", tag = "planning", security(("bearer" = [])), request_body = Change,
    params(
        ("id" = Uuid, Path, description = "The reflection's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change was made from."),
    ),
    responses(
        (status = 200, description = "The reflection as now kept.", body = Reflection),
        (status = 412, description = "It was changed since: `precondition_failed`.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update_reflection(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    key: IdempotencyKey,
    if_match: IfMatch,
    Json(change): Json<Change>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "PUT /api/reflections/{id}", &(id, &change)).await? {
        return Ok(answer.into_response());
    }
    let current = reflection::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("reflection"))?;
    if_match.check(&current)?;
    let updated = reflection::update(&mut tx, user.id, current, change, clock.now()).await?;
    key.commit(tx, user.id, StatusCode::OK, &updated).await
}
