//! `POST /api/conversations/{id}/messages`: say something in a conversation.
//!
//! The address is one of the conversations', whose other routes are the function `conversations`. This one calls a
//! model, so it is here, where that is done and where the keys of the providers are.

use axum::extract::State;
use axum::response::Response;
use base::Result;
use base::auth::User;
use base::extract::{Json, Path};
use base::idempotency::IdempotencyKey;
use domain::conversation::id_of_client_name;
use domain::message::Message;
use http::HeaderMap;

use crate::App;
use crate::body::{ConversationMessage, Send};
use crate::send_message::answer_send;

/// Says something in a conversation that is there, and streams the reply as `POST /api/chat` does.
#[utoipa::path(
    post, path = "/api/conversations/{id}/messages", tag = "conversations", security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The conversation's id, also as a client made it up."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body says it once."),
    ),
    request_body = ConversationMessage,
    responses(
        (status = 200, description = "The reply.", content(
            (String = "text/event-stream"),
            (String = "text/plain"),
            (Message = "application/json"),
        )),
        (status = 409, description = "A reply is being written in this conversation.",
         body = base::error::Problem, content_type = "application/problem+json"),
        (status = 502, description = "The provider failed; only for JSON answers.",
         body = base::error::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The provider takes nothing more, or the reply was interrupted before it began; only for JSON answers.",
         body = base::error::Problem, content_type = "application/problem+json"),
        (status = 504, description = "The provider did not answer in time; only for JSON answers.",
         body = base::error::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn send_conversation_message(
    user: User,
    State(app): State<App>,
    Path(name): Path<String>,
    key: IdempotencyKey,
    headers: HeaderMap,
    Json(message): Json<ConversationMessage>,
) -> Result<Response> {
    let send = Send::from_conversation(message, id_of_client_name(user.id, &name))?;
    answer_send(&app, &user, &key, &headers, &send).await
}
