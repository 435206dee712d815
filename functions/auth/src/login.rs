//! `POST /api/auth/login`: signs in with a password.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::error::Problem;
use base::extract::Json;
use base::http::ClientAddress;
use base::{Error, Result, params};
use domain::user::EmailAddress;
use http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::password::Verdict;
use crate::session::Session;
use crate::{App, limits, session};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The account's address.
    #[schema(value_type = String, format = Email, min_length = 3, max_length = 320)]
    email: EmailAddress,
    /// Its password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// An account as it is kept, and what to replace its hash with, if at all.
struct Account {
    user_id: Uuid,
    is_active: bool,
    old_hash: String,
    new_hash: Option<String>,
}

/// Signs in with a password.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "auth", request_body = Credentials,
    responses(
        (status = 200, description = "Signed in.", body = Session),
        (status = 401, description = "The address or the password is wrong.",
         body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The account is deactivated.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn login(
    State(app): State<App>,
    Extension(address): Extension<ClientAddress>,
    Json(credentials): Json<Credentials>,
) -> Result<Response> {
    let standing = limits::take(&app.limiter, limits::LOGIN, address).await?;
    app.limiter.take(limits::LOGIN_ACCOUNT, &credentials.email.key()).await?;
    let account = check(&app, credentials).await?;
    // Only who knows the password learns that the account exists.
    if !account.is_active {
        return Err(Error::forbidden("user_deactivated", "This account is deactivated."));
    }
    let mut tx = app.db.as_app().await?;
    if let Some(new_hash) = account.new_hash {
        tx.execute(
            "select almanac.replace_password_hash($1, $2, $3)",
            params![account.user_id, account.old_hash, new_hash],
        )
        .await?;
    }
    let session = session::begin(&app, tx, account.user_id).await?;
    Ok((standing, session.answer(StatusCode::OK)).into_response())
}

/// The account whose password this is. An unknown address and a wrong password look the same, and take as long.
async fn check(app: &App, credentials: Credentials) -> Result<Account> {
    let refused =
        || Error::new(StatusCode::UNAUTHORIZED, "credentials_invalid", "The e-mail address or the password is wrong.");
    let tx = app.db.as_app().await?;
    let rows = tx
        .query_and_commit(
            "select user_id, password_hash, is_active from almanac.find_credentials($1)",
            params![credentials.email.key()],
        )
        .await?;
    let Some(row) = rows.first() else {
        app.passwords.pretend(credentials.password).await?;
        return Err(refused());
    };
    let old_hash: String = row.get("password_hash");
    let new_hash = match app.passwords.verify(credentials.password, old_hash.clone()).await? {
        Verdict::Wrong => return Err(refused()),
        Verdict::Right => None,
        Verdict::RightAndOutdated { new_hash } => Some(new_hash),
    };
    Ok(Account { user_id: row.get("user_id"), is_active: row.get("is_active"), old_hash, new_hash })
}
