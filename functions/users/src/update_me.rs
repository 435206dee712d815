//! `PUT /api/users/me`: replaces what users may change about themselves.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::Json;
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Error, Result};
use domain::user::{self, FullName};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// The name to be called by, or null for none. It must be there, so that leaving it out erases nothing.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(inline, required)]
    full_name: Option<FullName>,
}

/// Replaces what users may change about themselves.
#[utoipa::path(
    put, path = "/api/users/me", tag = "users", security(("bearer" = [])), request_body = Profile,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses((status = 200, description = "The user as now kept.", body = user::User))
)]
pub(crate) async fn update_me(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    key: IdempotencyKey,
    Json(profile): Json<Profile>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "PUT /api/users/me", &profile).await? {
        return Ok(answer.into_response());
    }
    let full_name = profile.full_name.as_ref().map(FullName::as_str);
    let updated = user::update_full_name(&mut tx, user.id, full_name, clock.now()).await?;
    let updated = updated.ok_or_else(|| Error::not_found("user"))?;
    key.commit(tx, user.id, StatusCode::OK, &updated).await
}
