//! `GET /api/users/preferences`: how the user likes things.

use axum::extract::State;
use base::auth::User;
use base::extract::Json;
use base::{Db, Error, Result};
use domain::user;
use serde_json::Value;

/// The user's preferences: whatever object their clients last put there, at first an empty one.
#[utoipa::path(
    get, path = "/api/users/preferences", tag = "users", security(("bearer" = [])),
    responses((status = 200, description = "The preferences.", body = Object))
)]
pub(crate) async fn find_preferences(user: User, State(db): State<Db>) -> Result<Json<Value>> {
    let found = user::find_preferences(db.as_user(user.id).await?, user.id).await?;
    found.map(Json).ok_or_else(|| Error::not_found("user"))
}
