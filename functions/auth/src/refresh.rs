//! `POST /api/auth/refresh`: buys a fresh access token, and the next refresh token, with a refresh token.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::error::Problem;
use base::extract::Json;
use base::http::ClientAddress;
use base::{Error, Result, params};
use domain::user;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::refresh_token::RefreshToken;
use crate::session::{REFRESH_GRACE, Session, end_of_session};
use crate::{App, limits};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    /// The newest refresh token of the session.
    pub(crate) refresh_token: String,
}

/// Buys a fresh access token, and the next refresh token.
///
/// Each refresh token is good for once. The one before the newest still answers for 10 seconds, with the
/// newest; any older one was copied by somebody, so it ends the session.
#[utoipa::path(
    post, path = "/api/auth/refresh", tag = "auth", request_body = Refresh,
    responses(
        (status = 200, description = "The next tokens.", body = Session),
        (status = 401, description = "The token is not valid, was used before, or its session has ended.",
         body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The account is deactivated.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn refresh(
    State(app): State<App>,
    Extension(address): Extension<ClientAddress>,
    Json(Refresh { refresh_token }): Json<Refresh>,
) -> Result<Response> {
    let standing = limits::take(&app.limiter, limits::REFRESH, address).await?;
    let presented = RefreshToken::verify(&refresh_token, &app.key).ok_or_else(unknown)?;
    let (user_id, next) = rotate(&app, presented).await?;
    // Should this fail, the client asks again with the same token, which the grace period then answers.
    let user = user::find(app.db.as_user(user_id).await?, user_id).await?.ok_or_else(unknown)?;
    let session = Session::issue(&app, user, next)?;
    Ok((standing, session.answer(StatusCode::OK)).into_response())
}

/// Lets the database decide, and commits what it decided even where that ends the session.
async fn rotate(app: &App, presented: RefreshToken) -> Result<(Uuid, RefreshToken)> {
    let now = app.clock.now();
    let grace_seconds = i32::try_from(REFRESH_GRACE.as_secs()).unwrap_or(i32::MAX);
    let tx = app.db.as_app().await?;
    let rows = tx
        .query_and_commit(
            "select outcome, user_id, counter from almanac.rotate_session($1, $2, $3, $4, $5)",
            params![presented.session_id, presented.counter, now, grace_seconds, end_of_session(now)],
        )
        .await?;
    let row = rows.first().ok_or_else(unknown)?;
    match row.get("outcome") {
        "rotated" | "grace" => Ok((row.get("user_id"), RefreshToken { counter: row.get("counter"), ..presented })),
        "reused" => Err(refused(
            "refresh_token_reused",
            "This refresh token was used before, so somebody else may hold it. The session has ended: sign in again.",
        )),
        "expired" | "ended" => Err(refused("session_ended", "The session has ended. Sign in again.")),
        "deactivated" => Err(Error::forbidden("user_deactivated", "This account is deactivated.")),
        _ => Err(unknown()),
    }
}

fn unknown() -> Error {
    refused("refresh_token_invalid", "The refresh token is not valid. Sign in again.")
}

fn refused(code: &'static str, detail: &'static str) -> Error {
    Error::new(StatusCode::UNAUTHORIZED, code, detail)
}
