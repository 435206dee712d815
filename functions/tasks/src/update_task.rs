//! `PUT /api/tasks/{id}`: changes a task.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::{Json, Path};
use base::idempotency::IdempotencyKey;
use base::if_match::IfMatch;
use base::{Clock, Db, Error, Result};
use domain::task::{self, Change, Task};
use http::StatusCode;
use uuid::Uuid;

/// Changes a task: fields that are left out stay, null clears. Taking the day away takes the time with it. A change
/// to what is so already changes nothing, `updated_at` included.
#[utoipa::path(
    put, path = "/api/tasks/{id}", tag = "tasks", security(("bearer" = [])), request_body = Change,
    params(("id" = Uuid, Path, description = "The task's id."),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
           ("If-Match" = Option<String>, Header, description = "The `ETag` that the change was made from.")),
    responses((status = 200, description = "The task as now kept.", body = Task),
              (status = 409, description = "The parent is the task itself or below it (`cycle`), or lies too deep \
               (`too_deep`).", body = Problem, content_type = "application/problem+json"),
              (status = 412, description = "The task was changed since.",
               body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn update_task(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    key: IdempotencyKey,
    if_match: IfMatch,
    Json(change): Json<Change>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "PUT /api/tasks/{id}", &(id, &change)).await? {
        return Ok(answer.into_response());
    }
    let current = task::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("task"))?;
    if_match.check(&current)?;
    let updated = task::update(&mut tx, user.id, vec![current], &change, "", clock.now()).await?;
    key.commit(tx, user.id, StatusCode::OK, &updated[0]).await
}
