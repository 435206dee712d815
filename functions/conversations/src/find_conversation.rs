//! `GET /api/conversations/{id}`: one conversation.

use axum::extract::State;
use base::auth::User;
use base::extract::{Json, Path};
use base::{Db, Error, Result};
use domain::conversation::{self, Conversation};

/// One conversation. The id may also be the one an AI SDK client made up.
#[utoipa::path(
    get, path = "/api/conversations/{id}", tag = "conversations", security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id.")),
    responses((status = 200, description = "The conversation.", body = Conversation))
)]
pub(crate) async fn find_conversation(
    user: User,
    State(db): State<Db>,
    Path(id): Path<String>,
) -> Result<Json<Conversation>> {
    let id = conversation::id_of_client_name(user.id, &id);
    let mut tx = db.as_user(user.id).await?;
    let found = conversation::find(&mut tx, user.id, id).await?;
    tx.commit().await?;
    found.map(Json).ok_or_else(|| Error::not_found("conversation"))
}
