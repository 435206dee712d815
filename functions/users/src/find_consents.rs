//! `GET /api/users/me/consents`: what the user agreed to.

use axum::extract::State;
use base::auth::User;
use base::extract::Json;
use base::{Db, Result};
use domain::consent::{self, Consent};
use serde::Serialize;
use utoipa::ToSchema;

/// All that somebody decided.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Consents {
    /// One for each purpose, by its name.
    pub(crate) consents: Vec<Consent>,
}

/// What counts on each purpose that the user ever decided on, and what they decided before.
#[utoipa::path(
    get, path = "/api/users/me/consents", tag = "users", security(("bearer" = [])),
    responses((status = 200, description = "The consents.", body = Consents))
)]
pub(crate) async fn find_consents(user: User, State(db): State<Db>) -> Result<Json<Consents>> {
    let consents = consent::list(&mut db.as_user(user.id).await?, user.id).await?;
    Ok(Json(Consents { consents }))
}
