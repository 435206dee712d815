//! `POST /api/conversation/session`: a short-lived secret with which a browser talks to OpenAI Realtime.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::Result;
use base::extract::Json;
use base::http::ClientAddress;
use http::{HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{App, SESSION_POLICY, failure, key};

/// The key to mint a secret with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct NewSession {
    /// The caller's OpenAI key. It is used for this call and kept nowhere.
    #[serde(deserialize_with = "key::deserialize")]
    #[schema(value_type = String, min_length = 1, max_length = 512, format = Password)]
    api_key: SecretString,
}

/// A secret for one Realtime session.
#[derive(Serialize, ToSchema)]
#[schema(as = RealtimeSession)]
pub(crate) struct Session {
    /// The secret: the browser sends it as bearer token with its SDP offer to OpenAI.
    value: String,
    /// When it ends, in seconds since 1970.
    expires_at: i64,
    /// The model that the server fixed.
    model: String,
}

/// Mints a Realtime client secret, with settings that the server fixes.
#[utoipa::path(
    post, path = "/api/conversation/session", tag = "conversation", request_body = NewSession,
    responses(
        (status = 201, description = "The secret.", body = Session),
        (status = 401, description = "OpenAI does not accept the key.",
         body = base::error::Problem, content_type = "application/problem+json"),
        (status = 502, description = "OpenAI failed.",
         body = base::error::Problem, content_type = "application/problem+json"),
        (status = 504, description = "OpenAI did not answer in time.",
         body = base::error::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_session(
    State(app): State<App>,
    Extension(address): Extension<ClientAddress>,
    Json(NewSession { api_key }): Json<NewSession>,
) -> Result<Response> {
    let api_key = key::checked(api_key)?;
    let allowance = app.limiter.take(SESSION_POLICY, &address.limit_key()).await?;
    let minted = app.openai(api_key).mint_realtime_secret(&app.realtime).await.map_err(failure::answer)?;
    let value = minted.value.expose_secret().to_owned();
    let session = Session { value, expires_at: minted.expires_at.as_second(), model: minted.model };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let mut response = (StatusCode::CREATED, no_store, Json(session)).into_response();
    response.headers_mut().extend(allowance.headers());
    Ok(response)
}
