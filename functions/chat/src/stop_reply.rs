//! `POST /api/chat/{id}/stop`: end the reply being written; what there is of it is kept.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Path};
use base::{Error, Result};
use domain::conversation::id_of_client_name;
use domain::message::{self, Message};
use http::StatusCode;

use crate::App;
use crate::follow::wait_for_end;
use crate::live::EndCause;

/// How long to wait for the writer to have stopped.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Stops the reply being written and answers it as it is then. 204 when none is.
#[utoipa::path(
    post, path = "/api/chat/{id}/stop", tag = "chat", security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id, also as an AI SDK client made it up.")),
    responses(
        (status = 200, description = "The reply as it ended.", body = Message),
        (status = 204, description = "No reply is being written."),
    )
)]
pub(crate) async fn stop_reply(user: User, State(app): State<App>, Path(id): Path<String>) -> Result<Response> {
    let id = id_of_client_name(user.id, &id);
    let tx = app.db.as_user(user.id).await?;
    let Some(reply) = message::request_stop(tx, user.id, id).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    // A writer in this process is told at once; one elsewhere learns of it when it next saves.
    if let Some(live) = app.live.find(id).filter(|live| live.reply_id == reply) {
        live.ask_to_end(EndCause::Stop);
    }
    let ended = tokio::time::timeout(STOP_TIMEOUT, wait_for_end(&app, user.id, id, reply)).await;
    let late = |_| Error::unavailable("stop_pending", "The reply was told to stop and has not done so yet.");
    let ended = ended.map_err(late)??;
    ended.map_or_else(|| Err(Error::not_found("reply")), |message| Ok(Json(message).into_response()))
}
