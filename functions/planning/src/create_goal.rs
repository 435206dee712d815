//! `POST /api/goals`: a new goal.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::Json;
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Result};
use domain::goal::{self, Goal, NewGoal};
use http::StatusCode;

/// Makes a goal. Its period is the year, quarter, month, week or day that holds `starts_on`, else `due_date`, else today
/// by the time zone of the preferences.
#[utoipa::path(
    post, path = "/api/goals", tag = "planning", security(("bearer" = [])), request_body = NewGoal,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses(
        (status = 201, description = "The goal.", body = Goal),
        (status = 409, description = "`id_taken`: there is something with this id.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_goal(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    key: IdempotencyKey,
    Json(new): Json<NewGoal>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "POST /api/goals", &new).await? {
        return Ok(answer.into_response());
    }
    let now = clock.now();
    let today = crate::today(&mut tx, user.id, now).await?;
    let id = new.id.unwrap_or_else(|| clock.new_id());
    let made = goal::create(&mut tx, user.id, id, &new, today, now).await?;
    key.commit(tx, user.id, StatusCode::CREATED, &made).await
}
