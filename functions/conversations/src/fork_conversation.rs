//! `POST /api/conversations/{id}/fork`: a new conversation that begins with a copy of a branch.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Path};
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Error, Result};
use domain::conversation::{self, ClientName, Conversation, NewConversation};
use domain::field::Title;
use domain::message;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::settled_branch;

/// Where to fork.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fork {
    /// The last message that the new conversation has in common with this one.
    #[schema(inline)]
    message_id: ClientName,
    /// What the new one is about; the title of this one without it.
    #[schema(inline)]
    title: Option<Title>,
    /// The new one's id: a UUID, or any name, which stands for the same conversation of this user each time.
    #[schema(inline)]
    id: Option<ClientName>,
}

/// Copies the branch down to a message into a new conversation.
///
/// The copies have ids of their own and keep when they were written. They cost nothing, so they have no usage. The
/// new conversation's `metadata.forked_from` names where they come from.
#[utoipa::path(
    post, path = "/api/conversations/{id}/fork", tag = "conversations", security(("bearer" = [])),
    request_body = Fork,
    params(
        ("id" = String, Path, description = "The conversation's id, also as a client made it up."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
    ),
    responses(
        (status = 201, description = "The new conversation.", body = Conversation),
        (status = 409, description = "The message is being written, the branch has more than 2,000 messages, or the \
                                      id is already in use.",
         body = base::error::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn fork_conversation(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(name): Path<String>,
    key: IdempotencyKey,
    Json(fork): Json<Fork>,
) -> Result<Response> {
    let id = conversation::id_of_client_name(user.id, &name);
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "POST /api/conversations/{id}/fork", &(id, &fork)).await? {
        return Ok(answer.into_response());
    }
    let original = conversation::find(&mut tx, user.id, id).await?;
    let original = original.ok_or_else(|| Error::not_found("conversation"))?;
    let message_id = fork.message_id.to_id(id);
    let leaf = message::find(&mut tx, user.id, message_id).await?;
    if leaf.is_none_or(|leaf| leaf.conversation_id != id) {
        return Err(Error::invalid("/message_id", "There is no such message in this conversation."));
    }
    let branch = settled_branch(&mut tx, user.id, message_id).await?.ids;
    let copies: Vec<_> = branch.iter().map(|_| clock.new_id()).collect();
    let now = clock.now();
    let new = NewConversation {
        id: fork.id.map_or_else(|| clock.new_id(), |name| name.to_id(user.id)),
        title: fork.title.as_ref().map_or(original.title.as_str(), Title::as_str),
        metadata: json!({"forked_from": {"conversation_id": id, "message_id": message_id}}),
        head_id: copies.last().copied(),
        created_at: now,
    };
    let created = conversation::create(&mut tx, user.id, &new).await?;
    let created = created.ok_or_else(|| Error::conflict("id_taken", "The conversation's id is already in use."))?;
    message::copy_branch(&mut tx, user.id, &branch, &copies, created.id, now).await?;
    let answer = Conversation { head_id: new.head_id, ..created };
    key.commit(tx, user.id, StatusCode::CREATED, &answer).await
}
