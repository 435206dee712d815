//! A signed-in client: the tokens it is given.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use base::db::Tx;
use base::extract::Json;
use base::{Error, Result, params};
use domain::user::User;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::refresh_token::RefreshToken;

/// How long an access token is valid.
pub const ACCESS_TOKEN_TTL: Duration = Duration::from_mins(15);
/// How long a session lasts without a refresh.
pub const REFRESH_TOKEN_TTL: Duration = Duration::from_hours(30 * 24);
/// How long the previous refresh token still answers, for a lost answer or two tabs at once.
pub const REFRESH_GRACE: Duration = Duration::from_secs(10);
/// The `aud` of access tokens, as Supabase names signed-in users.
pub const AUDIENCE: &str = "authenticated";

/// What a client is given when it signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Goes into the header `authorization: Bearer …`.
    access_token: String,
    /// Always `bearer`.
    token_type: &'static str,
    /// How long the access token is valid, in seconds.
    expires_in: u64,
    /// Buys the next session answer, once.
    refresh_token: String,
    /// Who signed in.
    user: User,
}

/// The claims of an access token.
#[derive(Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    sub: Uuid,
    aud: &'static str,
    /// The database role, which Supabase's own services read.
    role: &'static str,
    sid: Uuid,
    email: Option<&'a str>,
    iat: i64,
    exp: i64,
}

/// Begins a session as the last step of a transaction.
pub(crate) async fn begin(app: &App, tx: Tx, user_id: Uuid) -> Result<Session> {
    let (now, session_id) = (app.clock.now(), app.clock.new_id());
    let rows = tx
        .query_and_commit(
            "select * from almanac.begin_session($1, $2, $3, $4)",
            params![session_id, user_id, now, end_of_session(now)],
        )
        .await?;
    let row = rows.first().ok_or_else(|| Error::internal("a session began without its user"))?;
    Session::issue(app, User::from_row(row), RefreshToken { session_id, counter: 0 })
}

/// When a session that is used now ends without further use.
pub(crate) fn end_of_session(now: Timestamp) -> Timestamp {
    now.saturating_add(REFRESH_TOKEN_TTL).unwrap_or(Timestamp::MAX)
}

impl Session {
    /// A fresh access token beside this refresh token.
    pub(crate) fn issue(app: &App, user: User, refresh_token: RefreshToken) -> Result<Self> {
        let iat = app.clock.now_seconds();
        let claims = AccessClaims {
            iss: &app.issuer,
            sub: user.id,
            aud: AUDIENCE,
            role: AUDIENCE,
            sid: refresh_token.session_id,
            email: user.email.as_deref(),
            iat,
            exp: iat.saturating_add_unsigned(ACCESS_TOKEN_TTL.as_secs()),
        };
        Ok(Self {
            access_token: app.key.sign(&claims)?,
            token_type: "bearer",
            expires_in: ACCESS_TOKEN_TTL.as_secs(),
            refresh_token: refresh_token.sign(&app.key),
            user,
        })
    }

    /// Answers with the tokens, which nothing on the way may keep.
    pub(crate) fn answer(self, status: StatusCode) -> Response {
        (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(self)).into_response()
    }
}
