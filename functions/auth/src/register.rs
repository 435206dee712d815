//! `POST /api/auth/register`: makes an account and signs it in.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::db::OnConstraint;
use base::error::Problem;
use base::extract::Json;
use base::http::ClientAddress;
use base::{Error, Result, params};
use domain::user::{EmailAddress, FullName};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::password::NewPassword;
use crate::session::Session;
use crate::{App, limits, session};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    /// Names the account; upper and lower case are the same.
    #[schema(value_type = String, format = Email, min_length = 3, max_length = 320)]
    email: EmailAddress,
    /// 8 to 256 bytes.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    password: NewPassword,
    /// The name to be called by.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    full_name: Option<FullName>,
}

/// Makes an account and signs it in.
#[utoipa::path(
    post, path = "/api/auth/register", tag = "auth", request_body = Registration,
    responses(
        (status = 201, description = "Registered and signed in.", body = Session),
        (status = 409, description = "The address has an account.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn register(
    State(app): State<App>,
    Extension(address): Extension<ClientAddress>,
    Json(registration): Json<Registration>,
) -> Result<Response> {
    let standing = limits::take(&app.limiter, limits::REGISTER, address).await?;
    let Registration { email, password, full_name } = registration;
    let hash = app.passwords.hash(password.into_secret()).await?;
    let id = app.clock.new_id();
    let mut tx = app.db.as_app().await?;
    tx.execute(
        "select almanac.register_user($1, $2, $3, $4, $5)",
        params![id, email.as_str(), email.key(), full_name.as_ref().map(FullName::as_str), hash],
    )
    .await
    .on_constraint("credentials_email_key", || {
        Error::conflict("email_taken", "There is an account with this address. Sign in instead.")
    })?;
    let session = session::begin(&app, tx, id).await?;
    Ok((standing, session.answer(StatusCode::CREATED)).into_response())
}
