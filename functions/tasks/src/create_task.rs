//! `POST /api/tasks`: makes a task.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::Json;
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Result};
use domain::note;
use domain::task::{self, NewTask, Task};
use http::StatusCode;

/// Makes a task. A client that works without a connection chooses the `id` itself; an id that is taken is 409
/// `id_taken`.
#[utoipa::path(
    post, path = "/api/tasks", tag = "tasks", security(("bearer" = [])), request_body = NewTask,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses((status = 201, description = "The task.", body = Task),
              (status = 409, description = "The id is taken (`id_taken`), another task stands for the same check box \
               (`source_reference_taken`), or the parent lies too deep (`too_deep`).",
               body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn create_task(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    key: IdempotencyKey,
    Json(new): Json<NewTask>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "POST /api/tasks", &new).await? {
        return Ok(answer.into_response());
    }
    let id = new.id.unwrap_or_else(|| clock.new_id());
    let created = task::create(&mut tx, user.id, id, &new, clock.now()).await?;
    note::follow_tasks(&mut tx, user.id, [&created], created.created_at).await?;
    key.commit(tx, user.id, StatusCode::CREATED, &created).await
}
