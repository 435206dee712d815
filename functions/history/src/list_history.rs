//! `GET /api/chat/history?limit=20&before={timestamp_or_id}`: all the user's messages, newest first.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Query};
use base::page::Page;
use base::{Db, Result};
use domain::message::{self, Message};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Only messages of this conversation.
    conversation_id: Option<Uuid>,
    /// Only messages with these words; quotes make a phrase and a minus leaves out.
    q: Option<String>,
}

/// A page of the user's messages, newest first. `Link` names the next page.
#[utoipa::path(
    get, path = "/api/chat/history", tag = "chat", params(base::page::Parameters, Parameters), security(("bearer" = [])),
    responses((status = 200, description = "The messages.", body = Vec<Message>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_history(
    user: User,
    State(db): State<Db>,
    page: Page,
    Query(parameters): Query<Parameters>,
) -> Result<Response> {
    let tx = db.as_user(user.id).await?;
    let mut messages = message::list(tx, user.id, parameters.conversation_id, &page, parameters.q.as_deref()).await?;
    let next = page.cut(&mut messages, |message| message.id);
    Ok((AppendHeaders(next), Json(messages)).into_response())
}
