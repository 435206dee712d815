//! `PATCH /api/users/{id}`: changes a user's role or state, for administrators.

use axum::extract::State;
use base::auth::{Admin, Auth, Role};
use base::error::Problem;
use base::extract::{Json, Path};
use base::{Clock, Db, Error, Result};
use domain::user::{self, AdminChange, User};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    /// What they may do beyond their own data; absent stays as it is.
    role: Option<Role>,
    /// Whether they may sign in; their sessions end when not. Absent stays as it is.
    is_active: Option<bool>,
}

/// Changes a user's role or state, for administrators.
#[utoipa::path(
    patch, path = "/api/users/{id}", tag = "users", security(("bearer" = [])), request_body = UserChange,
    params(("id" = Uuid, Path, description = "The user's id.")),
    responses(
        (status = 200, description = "The user as now kept.", body = User),
        (status = 409, description = "Administrators cannot demote or deactivate themselves.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update_user(
    Admin(admin): Admin,
    State(auth): State<Auth>,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    Json(UserChange { role, is_active }): Json<UserChange>,
) -> Result<Json<User>> {
    if id == admin.id && (role == Some(Role::User) || is_active == Some(false)) {
        return Err(crate::keeps_administrators("Administrators cannot demote or deactivate themselves."));
    }
    let change = AdminChange { role, is_active };
    let updated = user::update_as_admin(db.as_app().await?, admin.id, id, change, clock.now()).await?;
    let updated = updated.ok_or_else(|| Error::not_found("user"))?;
    auth.forget(id);
    Ok(Json(updated))
}
