//! `POST /api/chat`: say something, or have a reply written anew.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::Body;
use base::idempotency::IdempotencyKey;
use base::{Error, Result};
use domain::message::Message;
use http::{HeaderMap, header};
use uuid::Uuid;

use crate::answer::{self, Format};
use crate::begin_reply::{Begun, begin_reply};
use crate::body::{ChatBody, Send};
use crate::follow::{Source, wait_for_end};
use crate::{App, SEND_POLICY, write_reply};

/// Says something to a model and streams its reply.
///
/// The reply comes as the AI SDK's UI message stream, as plain text for `Accept: text/plain`, or as one message
/// for `Accept: application/json`.
#[utoipa::path(
    post, path = "/api/chat", tag = "chat", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body says it once.")),
    request_body = ChatBody,
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
pub(crate) async fn send_message(
    user: User,
    State(app): State<App>,
    key: IdempotencyKey,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response> {
    let send = Send::from_json(&body, user.id)?;
    answer_send(&app, &user, &key, &headers, &send).await
}

/// Has the reply written that a send asks for, and answers it in the format that the client takes.
pub(crate) async fn answer_send(
    app: &App,
    user: &User,
    key: &IdempotencyKey,
    headers: &HeaderMap,
    send: &Send,
) -> Result<Response> {
    let format = Format::from_headers(headers);
    let resolved = app.models.resolve(send.model.as_deref());
    let (model, name) = resolved.map_err(|error| Error::invalid("/model", error.to_string()))?;
    let allowance = app.limiter.take(SEND_POLICY, &user.id.to_string()).await?;

    let begun = begin_reply(app, user.id, send, key, &name.canonical).await?;
    let (conversation, reply, source) = match begun {
        Begun::New(new) => {
            let conversation = new.conversation_id;
            let live = write_reply::spawn(app, *new, model, name.vendor_model, &name.canonical);
            (conversation, live.reply_id, Source::Live(live.follow()))
        }
        Begun::Known { question_id, reply } => {
            (reply.conversation_id, reply.id, Source::of(app, user.id, question_id, *reply))
        }
    };
    let mut response = respond(app, user.id, format, conversation, reply, source).await?;
    response.headers_mut().extend(allowance.headers());
    Ok(response)
}

async fn respond(
    app: &App,
    owner: Uuid,
    format: Format,
    conversation: Uuid,
    reply: Uuid,
    source: Source,
) -> Result<Response> {
    if format != Format::Json {
        let is_plain_text = format == Format::PlainText;
        return Ok(answer::stream(is_plain_text, conversation, source, app.keep_alive).into_response());
    }
    let ended = wait_for_end(app, owner, conversation, reply).await?;
    let mut response = answer::message(ended.ok_or_else(|| Error::not_found("reply"))?)?;
    response.headers_mut().insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    Ok(response)
}
