//! `GET /api/conversations/{id}/shares`: the links to a conversation, newest first.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Path};
use base::page::Page;
use base::{Db, Error, Result};
use domain::conversation;
use domain::conversation::share::{self, Share};

/// A page of the links to a conversation, newest first, also those that have ended. Their tokens are not known.
#[utoipa::path(
    get, path = "/api/conversations/{id}/shares", tag = "conversations", security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id, also as a client made it up."),
           base::page::Parameters),
    responses((status = 200, description = "The links.", body = Vec<Share>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_shares(
    user: User,
    State(db): State<Db>,
    Path(name): Path<String>,
    page: Page,
) -> Result<Response> {
    let id = conversation::id_of_client_name(user.id, &name);
    let mut tx = db.as_user(user.id).await?;
    conversation::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("conversation"))?;
    let mut shares = share::list(tx, user.id, id, &page).await?;
    let next = page.cut(&mut shares, |share| share.id);
    Ok((AppendHeaders(next), Json(shares)).into_response())
}
