//! `PATCH /api/conversations/{id}`: rename a conversation, put it away, or go on from another of its messages.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Path, present};
use base::idempotency::IdempotencyKey;
use base::if_match::IfMatch;
use base::{Clock, Db, Error, Result};
use domain::conversation::{self, Change, ClientName, Conversation};
use domain::field::{Metadata, Title};
use domain::message;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is to change; what is left out stays as it is.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConversationChange {
    /// What it is about.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, nullable = false)]
    title: Option<Title>,
    /// Whether it is put away: left out of the list unless `archived=true` asks for it.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    is_archived: Option<bool>,
    /// Whatever the client keeps with it; it replaces what was kept.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, nullable = false)]
    metadata: Option<Metadata>,
    /// The message of this conversation from which it goes on, which switches to the branch down to it.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, nullable = false)]
    head_id: Option<ClientName>,
}

/// Changes a conversation.
#[utoipa::path(
    patch, path = "/api/conversations/{id}", tag = "conversations", security(("bearer" = [])),
    request_body = ConversationChange,
    params(
        ("id" = String, Path, description = "The conversation's id, also as a client made it up."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
        ("If-Match" = Option<String>, Header, description = "The tag of the state that the change was made from."),
    ),
    responses(
        (status = 200, description = "The conversation as it is now.", body = Conversation),
        (status = 412, description = "It was changed since.",
         body = base::error::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update_conversation(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(name): Path<String>,
    key: IdempotencyKey,
    if_match: IfMatch,
    Json(wish): Json<ConversationChange>,
) -> Result<Response> {
    let id = conversation::id_of_client_name(user.id, &name);
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "PATCH /api/conversations/{id}", &(id, &wish)).await? {
        return Ok(answer.into_response());
    }
    let current = conversation::find(&mut tx, user.id, id).await?;
    let current = current.ok_or_else(|| Error::not_found("conversation"))?;
    if_match.check(&current)?;
    let head_id = wish.head_id.map(|name| name.to_id(id));
    if let Some(head_id) = head_id {
        let head = message::find(&mut tx, user.id, head_id).await?;
        if head.is_none_or(|head| head.conversation_id != id) {
            return Err(Error::invalid("/head_id", "There is no such message in this conversation."));
        }
    }
    let change = Change {
        title: wish.title.map(|title| title.as_str().to_owned()),
        is_archived: wish.is_archived,
        metadata: wish.metadata.map(Metadata::into_value),
        head_id,
    };
    if change == Change::default() {
        return key.commit(tx, user.id, StatusCode::OK, &current).await;
    }
    let updated = conversation::update(&mut tx, user.id, id, &change, clock.now()).await?;
    let updated = updated.ok_or_else(|| Error::not_found("conversation"))?;
    key.commit(tx, user.id, StatusCode::OK, &updated).await
}
