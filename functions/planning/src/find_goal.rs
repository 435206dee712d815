//! `GET /api/goals/{id}`: one goal.

use axum::extract::State;
use base::auth::User;
use base::extract::{Json, Path};
use base::{Db, Error, Result};
use domain::goal::{self, Goal};
use uuid::Uuid;

/// One goal, with its progress as it is now.
#[utoipa::path(
    get, path = "/api/goals/{id}", tag = "planning", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The goal's id.")),
    responses((status = 200, description = "The goal.", body = Goal))
)]
pub(crate) async fn find_goal(user: User, State(db): State<Db>, Path(id): Path<Uuid>) -> Result<Json<Goal>> {
    let mut tx = db.as_user(user.id).await?;
    let found = goal::find(&mut tx, user.id, id).await?;
    tx.commit().await?;
    found.map(Json).ok_or_else(|| Error::not_found("goal"))
}
