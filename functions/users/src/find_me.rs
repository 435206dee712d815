//! `GET /api/users/me`: who is asking.

use axum::extract::State;
use base::auth::User;
use base::extract::Json;
use base::{Db, Error, Result};
use domain::user;

/// The signed-in user.
#[utoipa::path(
    get, path = "/api/users/me", tag = "users", security(("bearer" = [])),
    responses((status = 200, description = "The user.", body = user::User))
)]
pub(crate) async fn find_me(user: User, State(db): State<Db>) -> Result<Json<user::User>> {
    let found = user::find(db.as_user(user.id).await?, user.id).await?;
    found.map(Json).ok_or_else(|| Error::not_found("user"))
}
