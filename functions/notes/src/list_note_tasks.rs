//! `GET /api/notes/{id}/tasks`: the tasks of a note, newest first.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Path};
use base::page::Page;
use base::{Db, Error, Result};
use domain::note;
use domain::task::{self, Task};
use uuid::Uuid;

/// A page of the tasks that came from a note's check boxes, or whose description has the note's id in it, newest
/// first. `Link` names the next page.
#[utoipa::path(
    get, path = "/api/notes/{id}/tasks", tag = "notes", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The note's id."), base::page::Parameters),
    responses((status = 200, description = "The tasks.", body = Vec<Task>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_note_tasks(
    user: User,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    page: Page,
) -> Result<Response> {
    let mut tx = db.as_user(user.id).await?;
    if !note::exists(&mut tx, user.id, id).await? {
        return Err(Error::not_found("note"));
    }
    let ids = note::list_task_ids(&mut tx, user.id, id, &page).await?;
    let mut tasks = task::find_many(&mut tx, user.id, &ids).await?;
    tx.commit().await?;
    tasks.sort_by_key(|task| ids.iter().position(|id| *id == task.id));
    let next = page.cut(&mut tasks, |task| task.id);
    Ok((AppendHeaders(next), Json(tasks)).into_response())
}
