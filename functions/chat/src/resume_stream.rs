//! `GET /api/chat/{id}/stream`: the reply being written in a conversation, from its start.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::Result;
use base::auth::User;
use base::extract::Path;
use domain::conversation::id_of_client_name;
use domain::message::{self, Status};
use http::{HeaderMap, StatusCode};

use crate::App;
use crate::answer::{self, Format};
use crate::follow::Source;

/// Replays the reply being written from its start, then follows it. 204 when none is.
#[utoipa::path(
    get, path = "/api/chat/{id}/stream", tag = "chat", security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id, also as an AI SDK client made it up.")),
    responses(
        (status = 200, description = "The reply.", content((String = "text/event-stream"), (String = "text/plain"))),
        (status = 204, description = "No reply is being written."),
    )
)]
pub(crate) async fn resume_stream(
    user: User,
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let id = id_of_client_name(user.id, &id);
    let mut tx = app.db.as_user(user.id).await?;
    let found = message::find_streaming(&mut tx, user.id, id).await?;
    tx.commit().await?;
    let Some(reply) = found.filter(|reply| reply.status == Status::Streaming) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let question_id = reply.parent_id.unwrap_or(reply.id);
    let source = Source::of(&app, user.id, question_id, reply);
    let is_plain_text = Format::from_headers(&headers) == Format::PlainText;
    Ok(answer::stream(is_plain_text, id, source, app.keep_alive))
}
