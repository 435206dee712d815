//! `GET /api/notes/{id}`: one note.

use axum::extract::State;
use base::auth::User;
use base::extract::{Json, Path};
use base::{Db, Error, Result};
use domain::note::{self, Note};
use uuid::Uuid;

/// One note with all its blocks.
#[utoipa::path(
    get, path = "/api/notes/{id}", tag = "notes", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The note's id.")),
    responses((status = 200, description = "The note.", body = Note))
)]
pub(crate) async fn find_note(user: User, State(db): State<Db>, Path(id): Path<Uuid>) -> Result<Json<Note>> {
    let mut tx = db.as_user(user.id).await?;
    let found = note::find(&mut tx, user.id, id).await?;
    tx.commit().await?;
    found.map(Json).ok_or_else(|| Error::not_found("note"))
}
