//! `GET /api/tasks/{id}/occurrences`: when a recurring task is due.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use base::auth::User;
use base::extract::Path;
use base::{Clock, Db, Error, Result};
use domain::occurrence::{Query, WithTask};
use domain::{recurrence, task};
use uuid::Uuid;

use crate::agenda;

/// The occurrences of a task that are due in a window, earliest first. They are made when they are looked at, up to a
/// year ahead. `Link` names the next page. A task that never recurred has none.
#[utoipa::path(
    get, path = "/api/tasks/{id}/occurrences", tag = "recurrence", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The task's id."), Query),
    responses((status = 200, description = "The occurrences.", body = Vec<WithTask>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_occurrences(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    OriginalUri(uri): OriginalUri,
    base::extract::Query(query): base::extract::Query<Query>,
) -> Result<Response> {
    let mut tx = db.as_user(user.id).await?;
    task::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("task"))?;
    let recurrences: Vec<_> = recurrence::find(&mut tx, user.id, id).await?.into_iter().collect();
    let looked_at = agenda::Looked { task_id: Some(id), recurrences, query, uri };
    agenda::show(&db, tx, user.id, looked_at, clock.now()).await
}
