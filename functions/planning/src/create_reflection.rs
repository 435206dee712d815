//! `POST /api/reflections`: a new reflection.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::Json;
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Result};
use domain::reflection::{self, NewReflection, Reflection};
use http::StatusCode;

/// Keeps a reflection. It looks back on the days from `starts_on` to `ends_on`, or, with neither, on the day, week (from
/// Monday), month, quarter or year that holds `date`, or else today by the time zone of the preferences.
#[utoipa::path(
    post, path = "/api/reflections", tag = "planning", security(("bearer" = [])), request_body = NewReflection,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses(
        (status = 201, description = "The reflection.", body = Reflection),
        (status = 409, description = "`id_taken`: there is something with this id.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_reflection(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    key: IdempotencyKey,
    Json(new): Json<NewReflection>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "POST /api/reflections", &new).await? {
        return Ok(answer.into_response());
    }
    let now = clock.now();
    let today = crate::today(&mut tx, user.id, now).await?;
    let id = new.id.unwrap_or_else(|| clock.new_id());
    let made = reflection::create(&mut tx, user.id, id, &new, today, now).await?;
    key.commit(tx, user.id, StatusCode::CREATED, &made).await
}
