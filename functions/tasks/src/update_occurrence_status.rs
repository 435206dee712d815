//! `PUT /api/tasks/{id}/occurrences/{occurrence_id}/status`: completes, skips or reopens an occurrence.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::{Json, Path};
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Error, Result};
use domain::occurrence::{self, Occurrence, Status};
use domain::task;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OccurrenceStatusChange {
    /// How far it is: `pending`, `in_progress`, `done` or `skipped`. `missed` and `cancelled` come by themselves.
    status: Status,
}

/// Completes, skips, begins or reopens an occurrence. The last one of a series that has ended takes its task along.
/// What counts from completion gets its next occurrence when this one is done or skipped, and loses that one again when
/// this one is reopened.
#[utoipa::path(
    put, path = "/api/tasks/{id}/occurrences/{occurrence_id}/status", tag = "recurrence", security(("bearer" = [])),
    request_body = OccurrenceStatusChange,
    params(("id" = Uuid, Path, description = "The task's id."),
           ("occurrence_id" = Uuid, Path, description = "The occurrence's id."),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses((status = 200, description = "The occurrence as now kept.", body = Occurrence),
              (status = 409, description = "The next one was begun, moved or changed already (`next_begun`).",
               body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn update_occurrence_status(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path((id, occurrence_id)): Path<(Uuid, Uuid)>,
    key: IdempotencyKey,
    Json(change): Json<OccurrenceStatusChange>,
) -> Result<Response> {
    if matches!(change.status, Status::Missed | Status::Cancelled) {
        return Err(Error::invalid("/status", "Give pending, in_progress, done or skipped."));
    }
    let mut tx = db.as_writer(user.id).await?;
    let operation = "PUT /api/tasks/{id}/occurrences/{occurrence_id}/status";
    if let Some(answer) = key.claim(&mut tx, user.id, operation, &(id, occurrence_id, &change)).await? {
        return Ok(answer.into_response());
    }
    let task = task::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("task"))?;
    let found = occurrence::find(&mut tx, user.id, id, occurrence_id).await?;
    let found = found.ok_or_else(|| Error::not_found("occurrence"))?;
    let changed = occurrence::set_status(&mut tx, user.id, &task, found, change.status, clock.now()).await?;
    key.commit(tx, user.id, StatusCode::OK, &changed).await
}
