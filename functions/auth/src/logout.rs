//! `POST /api/auth/logout`: ends the session of a refresh token.

use axum::extract::State;
use base::extract::Json;
use base::{Result, params};
use http::StatusCode;

use crate::App;
use crate::refresh::Refresh;
use crate::refresh_token::RefreshToken;

/// Ends a session. Access tokens that it issued run out within minutes.
///
/// Any refresh token of the session will do, and one that is of no session is as good as ended: logging out
/// never fails for a token's sake.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "auth", request_body = Refresh,
    responses((status = 204, description = "The session has ended."))
)]
pub(crate) async fn logout(
    State(app): State<App>,
    Json(Refresh { refresh_token }): Json<Refresh>,
) -> Result<StatusCode> {
    if let Some(token) = RefreshToken::verify(&refresh_token, &app.key) {
        let tx = app.db.as_app().await?;
        let now = app.clock.now();
        tx.query_and_commit("select almanac.end_session($1, 'logout', $2)", params![token.session_id, now]).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
