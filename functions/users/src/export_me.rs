//! `GET /api/users/me/export`: everything that is the user's, as one document.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::Query;
use base::{Clock, Db, Error, Result};
use domain::export::Export;
use futures_util::stream::try_unfold;
use http::{HeaderValue, header};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::IntoParams;

/// How long an export may take as a whole. It holds a connection to the database.
const EXPORT_TIMEOUT: Duration = Duration::from_mins(10);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// Whether the change log follows at the end, to be read; an import ignores it.
    #[serde(default)]
    #[param(default = false, required = false)]
    changes: bool,
}

/// Everything that is the user's, as it all is at one moment: the account, the profile, and each row of each kind, those
/// that others refer to first. Left out is what nobody may read: password hashes and sign-ins.
///
/// The document is sent as it is read; one that breaks off, without its last brace, is not whole. It is what `POST
/// /api/users/me/import` takes.
#[utoipa::path(
    get, path = "/api/users/me/export", tag = "users", params(Parameters), security(("bearer" = [])),
    responses(
        (status = 200, description = "The document.", body = Object,
         headers(("content-disposition" = String, description = "A file name with the day in it."))),
        (status = 409, description = "Another export of this user's is running.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn export_me(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Query(Parameters { changes }): Query<Parameters>,
) -> Result<Response> {
    let now = clock.now();
    let export = Export::begin(db.as_snapshot(user.id).await?, user.id, changes, now).await?;
    let export = export.ok_or_else(|| Error::not_found("user"))?;
    let until = Instant::now() + EXPORT_TIMEOUT;
    // A piece is read when the client has taken the one before.
    let pieces = try_unfold(export, move |mut export| async move {
        if Instant::now() >= until {
            return Err(Error::unavailable("export_timeout", "The export took too long."));
        }
        Ok(export.next().await?.map(|piece| (piece, export)))
    });
    let name = format!("attachment; filename=\"almanac-export-{}.json\"", now.strftime("%Y-%m-%d"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(Error::internal)?),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
