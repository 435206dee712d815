//! `GET /api/tasks/{id}/recurrence`: how a task recurs.

use axum::extract::State;
use base::auth::User;
use base::extract::{Json, Path};
use base::{Db, Error, Result};
use domain::recurrence::{self, Recurrence};
use uuid::Uuid;

/// How a task recurs. 404 when it does not. The `ETag` is what `If-Match` takes.
#[utoipa::path(
    get, path = "/api/tasks/{id}/recurrence", tag = "recurrence", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The task's id.")),
    responses((status = 200, description = "How it recurs.", body = Recurrence))
)]
pub(crate) async fn find_recurrence(
    user: User,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
) -> Result<Json<Recurrence>> {
    let mut tx = db.as_user(user.id).await?;
    let found = recurrence::find(&mut tx, user.id, id).await?;
    tx.commit().await?;
    found.map(Json).ok_or_else(|| Error::not_found("recurrence"))
}
