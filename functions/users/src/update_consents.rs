//! `PUT /api/users/me/consents`: records what the user decides, beside what they decided before.

use std::collections::HashSet;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::Json;
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Error, Result};
use domain::consent::{self, Choice, PURPOSES_MAX};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::find_consents::Consents;

/// What somebody decides.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choices {
    /// Up to 100, each on another purpose. Purposes that are left out stay as they are.
    #[schema(max_items = 100)]
    consents: Vec<Choice>,
}

/// Records the choices that differ from what counts now, all at once. Nothing that was decided before is changed or
/// deleted, so this cannot be undone; decide anew instead.
#[utoipa::path(
    put, path = "/api/users/me/consents", tag = "users", security(("bearer" = [])), request_body = Choices,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses(
        (status = 200, description = "All consents as they now count.", body = Consents),
        (status = 409, description = "There would be more than 100 purposes.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update_consents(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    key: IdempotencyKey,
    Json(choices): Json<Choices>,
) -> Result<Response> {
    check(&choices.consents)?;
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "PUT /api/users/me/consents", &choices).await? {
        return Ok(answer.into_response());
    }
    consent::record(&mut tx, user.id, &choices.consents, clock.now(), || clock.new_id()).await?;
    let consents = consent::list(&mut tx, user.id).await?;
    key.commit(tx, user.id, StatusCode::OK, &Consents { consents }).await
}

/// Nobody decides twice on one purpose at the same time.
fn check(choices: &[Choice]) -> Result<()> {
    if choices.len() > PURPOSES_MAX {
        return Err(Error::invalid("/consents", format!("Give at most {PURPOSES_MAX}.")));
    }
    let mut purposes = HashSet::new();
    match choices.iter().position(|choice| !purposes.insert(&choice.purpose)) {
        Some(place) => Err(Error::invalid(format!("/consents/{place}/purpose"), "This purpose is there twice.")),
        None => Ok(()),
    }
}
