//! `GET /.well-known/jwks.json`: the keys that access tokens are verified with.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::extract::Json;
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;

/// How long verifiers may keep the set. Most keep it longer anyway and ask again for an unknown key.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// A JSON Web Key Set (RFC 7517).
#[derive(Serialize, ToSchema)]
pub(crate) struct Jwks {
    /// The public keys.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<jsonwebtoken::jwk::Jwk>,
}

/// The public keys that access tokens are verified with.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "auth",
    responses((status = 200, description = "The keys.", body = Jwks))
)]
pub(crate) async fn show_jwks(State(app): State<App>) -> Response {
    let jwks = Jwks { keys: app.key.jwks().keys };
    ([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(jwks)).into_response()
}
