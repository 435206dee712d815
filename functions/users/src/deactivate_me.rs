//! `POST /api/users/me/deactivate`: the user leaves; an administrator can let them in again.

use axum::extract::State;
use base::auth::{Auth, Role, User};
use base::error::Problem;
use base::{Clock, Db, Result};
use domain::user;
use http::StatusCode;

/// Deactivates the signed-in user: their sessions end and their tokens are no longer taken. Their data stays.
#[utoipa::path(
    post, path = "/api/users/me/deactivate", tag = "users", security(("bearer" = [])),
    responses(
        (status = 204, description = "Deactivated."),
        (status = 409, description = "An administrator cannot deactivate themselves.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn deactivate_me(
    user: User,
    State(auth): State<Auth>,
    State(db): State<Db>,
    State(clock): State<Clock>,
) -> Result<StatusCode> {
    if user.role == Role::Admin {
        return Err(crate::keeps_administrators(
            "An administrator cannot deactivate themselves. Another administrator can.",
        ));
    }
    user::deactivate(db.as_app().await?, user.id, clock.now()).await?;
    auth.forget(user.id);
    Ok(StatusCode::NO_CONTENT)
}
