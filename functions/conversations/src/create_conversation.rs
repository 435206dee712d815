//! `POST /api/conversations`: begin a conversation before anything is said in it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::Json;
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Error, Result};
use domain::conversation::{self, ClientName, Conversation, NewConversation, UNTITLED};
use domain::field::{Metadata, Title};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A conversation to be begun. Everything may be left out.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmptyConversation {
    /// Its id: a UUID, or any name, which stands for the same conversation of this user each time.
    #[schema(inline)]
    id: Option<ClientName>,
    /// What it is about. Without one, the first message gives it a title.
    #[schema(inline)]
    title: Option<Title>,
    /// Whatever the client keeps with it.
    #[schema(inline)]
    metadata: Option<Metadata>,
}

/// Begins a conversation.
#[utoipa::path(
    post, path = "/api/conversations", tag = "conversations", security(("bearer" = [])),
    request_body = Option<EmptyConversation>,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses(
        (status = 201, description = "The conversation.", body = Conversation),
        (status = 409, description = "The id is already in use.",
         body = base::error::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_conversation(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    key: IdempotencyKey,
    body: Option<Json<EmptyConversation>>,
) -> Result<Response> {
    let empty = body.map(|Json(empty)| empty).unwrap_or_default();
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "POST /api/conversations", &empty).await? {
        return Ok(answer.into_response());
    }
    let new = NewConversation {
        id: empty.id.map_or_else(|| clock.new_id(), |name| name.to_id(user.id)),
        title: empty.title.as_ref().map_or(UNTITLED, Title::as_str),
        metadata: empty.metadata.unwrap_or_default().into_value(),
        head_id: None,
        created_at: clock.now(),
    };
    let created = conversation::create(&mut tx, user.id, &new).await?;
    let created = created.ok_or_else(|| Error::conflict("id_taken", "The conversation's id is already in use."))?;
    key.commit(tx, user.id, StatusCode::CREATED, &created).await
}
