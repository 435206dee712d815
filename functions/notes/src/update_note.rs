//! `PUT /api/notes/{id}`: changes a note.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::{Json, Path, present};
use base::idempotency::IdempotencyKey;
use base::if_match::IfMatch;
use base::{Clock, Db, Error, Result};
use domain::field::{Metadata, Title};
use domain::note::{self, Change, Content, Note};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NoteChange)]
pub(crate) struct Body {
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline, nullable = false)]
    title: Option<Title>,
    /// All its blocks in BlockNote's format, up to 1 MiB. A check box that is new, ticked, renamed or gone makes,
    /// completes, renames or cancels its task.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<Vec<Object>>, nullable = false)]
    content: Option<Value>,
    /// The note that it goes below; null for none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[expect(clippy::option_option, reason = "left out, null and an id are three things")]
    parent_id: Option<Option<Uuid>>,
    /// Whether it is kept on top.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(nullable = false)]
    is_pinned: Option<bool>,
    /// Whether it is put away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(nullable = false)]
    is_archived: Option<bool>,
    /// Whatever clients keep with it: a JSON object, replaced as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(inline, nullable = false)]
    metadata: Option<Metadata>,
}

/// Changes what is sent and leaves the rest. Send `If-Match` with the content, so that nobody's later change, a ticked
/// task's among them, is overwritten.
#[utoipa::path(
    put, path = "/api/notes/{id}", tag = "notes", security(("bearer" = [])), request_body = Body,
    params(
        ("id" = Uuid, Path, description = "The note's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change was made from."),
    ),
    responses(
        (status = 200, description = "The note as now kept.", body = Note),
        (status = 409, description = "`cycle`: the note would be below itself. `too_deep`: it would lie too deep.",
         body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed since: `precondition_failed`.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update_note(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Path(id): Path<Uuid>,
    key: IdempotencyKey,
    if_match: IfMatch,
    Json(body): Json<Body>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "PUT /api/notes/{id}", &(id, &body)).await? {
        return Ok(answer.into_response());
    }
    let content = body.content.map(|blocks| Content::parse("/content", blocks, || clock.new_id())).transpose()?;
    let current = note::find(&mut tx, user.id, id).await?.ok_or_else(|| Error::not_found("note"))?;
    if_match.check(&current)?;
    let change = Change {
        title: body.title,
        content,
        parent_id: body.parent_id,
        is_pinned: body.is_pinned,
        is_archived: body.is_archived,
        metadata: body.metadata,
    };
    let updated = note::update(&mut tx, user.id, current, change, &clock).await?;
    key.commit(tx, user.id, StatusCode::OK, &updated).await
}
