//! `GET /api/reflections/{id}`: one reflection.

use axum::extract::State;
use base::auth::User;
use base::extract::{Json, Path};
use base::{Db, Error, Result};
use domain::reflection::{self, Reflection};
use uuid::Uuid;

/// One reflection.
#[utoipa::path(
    get, path = "/api/reflections/{id}", tag = "planning", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The reflection's id.")),
    responses((status = 200, description = "The reflection.", body = Reflection))
)]
pub(crate) async fn find_reflection(
    user: User,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
) -> Result<Json<Reflection>> {
    let mut tx = db.as_user(user.id).await?;
    let found = reflection::find(&mut tx, user.id, id).await?;
    tx.commit().await?;
    found.map(Json).ok_or_else(|| Error::not_found("reflection"))
}
