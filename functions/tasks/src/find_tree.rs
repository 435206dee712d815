//! `GET /api/tasks/{id}/tree`: a task with everything below it.

use axum::extract::State;
use base::auth::User;
use base::extract::{Json, Path};
use base::{Db, Error, Result};
use domain::task::{self, Tree};
use uuid::Uuid;

/// A task with everything below it, whatever its status. Beyond 1,000 tasks the lowest levels are left out, and
/// `is_cut` says so.
#[utoipa::path(
    get, path = "/api/tasks/{id}/tree", tag = "tasks", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The task's id.")),
    responses((status = 200, description = "The task and its subtasks.", body = Tree))
)]
pub(crate) async fn find_tree(user: User, State(db): State<Db>, Path(id): Path<Uuid>) -> Result<Json<Tree>> {
    let found = task::find_tree(db.as_user(user.id).await?, user.id, id).await?;
    found.map(Json).ok_or_else(|| Error::not_found("task"))
}
