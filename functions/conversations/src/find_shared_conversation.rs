//! `GET /api/shared/{token}`: what a link shows, to anybody who has it.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::extract::{Json, Path};
use base::http::ClientAddress;
use base::rate_limit::Limiter;
use base::secret_token::SecretToken;
use base::{Clock, Db, Error, Result};
use domain::conversation::share::{self, SharedConversation};
use http::{HeaderName, HeaderValue, header};

use crate::SHARED_POLICY;

/// Nobody keeps a copy, since a link that is revoked shows nothing from then on; nobody indexes it, and the pages
/// it links to do not learn the token.
const PRIVATE: [(HeaderName, HeaderValue); 3] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// A branch of a conversation as it was when its link was made. No sign-in is needed.
///
/// A link that was revoked, one that has ended and one that never was are answered the same.
#[utoipa::path(
    get, path = "/api/shared/{token}", tag = "conversations",
    params(("token" = String, Path, description = "The secret from the link.")),
    responses((status = 200, description = "The branch.", body = SharedConversation))
)]
pub(crate) async fn find_shared_conversation(
    State(db): State<Db>,
    State(clock): State<Clock>,
    State(limiter): State<Limiter>,
    Extension(address): Extension<ClientAddress>,
    Path(token): Path<String>,
) -> Result<Response> {
    let allowance = limiter.take(SHARED_POLICY, &address.limit_key()).await?;
    let nothing = || Error::not_found("link");
    let token = SecretToken::parse(&token).ok_or_else(nothing)?;
    let shared = share::find_shared(db.as_app().await?, &token.hash(), clock.now()).await?;
    let shared = shared.ok_or_else(nothing)?;
    Ok((allowance.headers(), PRIVATE, Json(shared)).into_response())
}
