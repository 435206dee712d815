//! `GET /api/tasks/{id}`: one task.

use axum::extract::State;
use base::auth::User;
use base::extract::{Json, Path};
use base::{Db, Error, Result};
use domain::task::{self, Task};
use uuid::Uuid;

/// One task. Its `ETag` is what `If-Match` takes.
#[utoipa::path(
    get, path = "/api/tasks/{id}", tag = "tasks", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The task's id.")),
    responses((status = 200, description = "The task.", body = Task))
)]
pub(crate) async fn find_task(user: User, State(db): State<Db>, Path(id): Path<Uuid>) -> Result<Json<Task>> {
    let found = task::read(db.as_user(user.id).await?, user.id, id).await?;
    found.map(Json).ok_or_else(|| Error::not_found("task"))
}
