//! `PUT /api/users/preferences`: replaces the preferences as a whole.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, refuse_nul};
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Error, Result};
use domain::user;
use http::StatusCode;
use serde_json::{Map, Value};

/// The largest preferences, in bytes of JSON.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024;

/// Replaces the preferences as a whole, with a JSON object of at most 16 KiB.
#[utoipa::path(
    put, path = "/api/users/preferences", tag = "users", security(("bearer" = [])), request_body = Object,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses((status = 200, description = "The preferences as now kept.", body = Object))
)]
pub(crate) async fn update_preferences(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    key: IdempotencyKey,
    Json(preferences): Json<Map<String, Value>>,
) -> Result<Response> {
    let preferences = Value::Object(preferences);
    refuse_nul("", &preferences)?;
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "PUT /api/users/preferences", &preferences).await? {
        return Ok(answer.into_response());
    }
    let updated = user::update_preferences(&mut tx, user.id, preferences, clock.now()).await?;
    let updated = updated.ok_or_else(|| Error::not_found("user"))?;
    key.commit(tx, user.id, StatusCode::OK, &updated).await
}
