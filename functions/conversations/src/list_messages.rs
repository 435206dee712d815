//! `GET /api/conversations/{id}/messages`: a conversation's messages, newest first.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Path};
use base::page::Page;
use base::{Db, Error, Result};
use domain::conversation;
use domain::message::{self, Message};

/// A page of a conversation's messages, all branches, newest first. `Link` names the next page.
#[utoipa::path(
    get, path = "/api/conversations/{id}/messages", tag = "conversations", security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id."), base::page::Parameters),
    responses((status = 200, description = "The messages.", body = Vec<Message>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_messages(
    user: User,
    State(db): State<Db>,
    Path(id): Path<String>,
    page: Page,
) -> Result<Response> {
    let id = conversation::id_of_client_name(user.id, &id);
    let mut tx = db.as_user(user.id).await?;
    conversation::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("conversation"))?;
    let mut messages = message::list(tx, user.id, Some(id), &page, None).await?;
    let next = page.cut(&mut messages, |message| message.id);
    Ok((AppendHeaders(next), Json(messages)).into_response())
}
