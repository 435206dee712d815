//! `POST /api/tasks/away`: "I was away from … to …".

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::Json;
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Result};
use domain::occurrence::{self, Absence, Treatment};
use http::StatusCode;

/// Treats every open occurrence that is or was due in an absence, in one action that can be undone: as if missed, by
/// its own policy or the given one. What moves goes to the first day back or, with `auto_reschedule`, to the next free
/// time from then on. The answer tells what became of each.
#[utoipa::path(
    post, path = "/api/tasks/away", tag = "recurrence", security(("bearer" = [])), request_body = Absence,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses((status = 200, description = "What became of each occurrence.", body = Vec<Treatment>))
)]
pub(crate) async fn report_absence(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    key: IdempotencyKey,
    Json(absence): Json<Absence>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "POST /api/tasks/away", &absence).await? {
        return Ok(answer.into_response());
    }
    let treatments = occurrence::leave(&mut tx, user.id, &absence, clock.now()).await?;
    key.commit(tx, user.id, StatusCode::OK, &treatments).await
}
