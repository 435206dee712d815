//! `GET /api/conversations`: the user's conversations, newest first.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Query};
use base::page::Page;
use base::{Db, Result};
use domain::conversation::{self, Conversation, Filter};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Only conversations with these words in the title or a message.
    q: Option<String>,
    /// Those that are put away instead of those that are not.
    #[serde(default)]
    #[param(default = false)]
    archived: bool,
}

/// A page of the user's conversations, newest first. `Link` names the next page.
#[utoipa::path(
    get, path = "/api/conversations", tag = "conversations", params(base::page::Parameters, Parameters),
    security(("bearer" = [])),
    responses((status = 200, description = "The conversations.", body = Vec<Conversation>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_conversations(
    user: User,
    State(db): State<Db>,
    page: Page,
    Query(parameters): Query<Parameters>,
) -> Result<Response> {
    let filter = Filter { is_archived: parameters.archived, words: parameters.q.as_deref() };
    let tx = db.as_user(user.id).await?;
    let mut conversations = conversation::list(tx, user.id, &page, filter).await?;
    let next = page.cut(&mut conversations, |conversation| conversation.id);
    Ok((AppendHeaders(next), Json(conversations)).into_response())
}
