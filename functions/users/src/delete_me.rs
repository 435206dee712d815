//! `DELETE /api/users/me`: the user goes, with every trace.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::{Auth, User};
use base::error::Problem;
use base::extract::Json;
use base::secret_token::SecretToken;
use base::{Clock, Db, Error, Result};
use domain::erasure::{self, Request, Status};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// An erasure that was asked for just now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Leave {
    /// The only way to ask what became of it. It is shown this once.
    receipt: String,
    /// Where to ask, without signing in.
    status_url: String,
    /// Always `requested`.
    status: Status,
}

/// Erases the signed-in user: the account, and everything that is theirs. From now on their tokens are not taken any
/// more; the rest happens within minutes, and the receipt tells when it has. There is no way back.
///
/// Sent again, it is answered as any other request of theirs: 403 `user_deactivated` while it is being done, 401
/// `token_invalid` afterwards. So an `Idempotency-Key` has no use here.
#[utoipa::path(
    delete, path = "/api/users/me", tag = "users", security(("bearer" = [])),
    responses(
        (status = 202, description = "It will be done.", body = Leave),
        (status = 409, description = "An administrator must hand that over first.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete_me(
    user: User,
    State(auth): State<Auth>,
    State(db): State<Db>,
    State(clock): State<Clock>,
) -> Result<Response> {
    let receipt = SecretToken::generate()?;
    let requested = erasure::request(db.as_app().await?, user.id, clock.new_id(), &receipt.hash(), clock.now()).await?;
    auth.forget(user.id);
    match requested {
        Request::Accepted => {}
        Request::Unknown => return Err(Error::unauthorized("token_invalid", "The token is not valid.")),
        Request::Deactivated => return Err(Error::forbidden("user_deactivated", "This account is deactivated.")),
        Request::Administrator => {
            return Err(crate::keeps_administrators(
                "An administrator cannot delete themselves. Another administrator can end their role first.",
            ));
        }
    }
    let receipt = receipt.as_str().to_owned();
    let status_url = format!("/api/erasures/{receipt}");
    let location = HeaderValue::try_from(&status_url).map_err(Error::internal)?;
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::ACCEPTED, headers, Json(Leave { receipt, status_url, status: Status::Requested })).into_response())
}
