//! `GET /api/erasures/{receipt}`: what became of an erasure, for whoever has the receipt.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::extract::{Json, Path};
use base::http::ClientAddress;
use base::rate_limit::Limiter;
use base::secret_token::SecretToken;
use base::{Db, Error, Result};
use domain::erasure::{self, Erasure};
use http::{HeaderValue, header};

use crate::ERASURE_POLICY;

/// Whether the account is gone, and how many rows of each table were deleted with it. No sign-in is needed, as there
/// is nobody left to sign in; and nothing of the answer tells whose account it was.
#[utoipa::path(
    get, path = "/api/erasures/{receipt}", tag = "users",
    params(("receipt" = String, Path, description = "As the answer to the deletion gave it.")),
    responses((status = 200, description = "The erasure.", body = Erasure))
)]
pub(crate) async fn find_erasure(
    State(db): State<Db>,
    State(limiter): State<Limiter>,
    Extension(address): Extension<ClientAddress>,
    Path(receipt): Path<String>,
) -> Result<Response> {
    let allowance = limiter.take(ERASURE_POLICY, &address.limit_key()).await?;
    let receipt = SecretToken::parse(&receipt).ok_or_else(|| Error::not_found("erasure"))?;
    let found = erasure::find(db.as_app().await?, &receipt.hash()).await?;
    let found = found.ok_or_else(|| Error::not_found("erasure"))?;
    // Whoever waits for it to be done must not see an old answer.
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((allowance.headers(), no_store, Json(found)).into_response())
}
