//! `POST /api/notes`: a new note.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::Json;
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Result};
use domain::field::{Metadata, Title};
use domain::note::{self, Content, NewNote, Note};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a note is called when nobody said.
const TITLE: &str = "Untitled";

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewNote)]
pub(crate) struct Body {
    /// Its id, where the client chooses one.
    #[serde(default)]
    id: Option<Uuid>,
    /// What it is about. "Untitled" when left out.
    #[serde(default)]
    #[schema(inline)]
    title: Option<Title>,
    /// Its blocks in BlockNote's format, up to 1 MiB: `{id, type, props, content, children}` each. A block without
    /// an id is given one; types that are not BlockNote's own are kept as they are. None when left out.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    content: Option<Value>,
    /// The note that it goes below.
    #[serde(default)]
    parent_id: Option<Uuid>,
    /// Whether it is kept on top.
    #[serde(default)]
    is_pinned: bool,
    /// Whether it is put away.
    #[serde(default)]
    is_archived: bool,
    /// Whatever clients keep with it: a JSON object.
    #[serde(default)]
    #[schema(inline)]
    metadata: Metadata,
}

/// Makes a note, and a task for each of its check boxes that has text.
#[utoipa::path(
    post, path = "/api/notes", tag = "notes", security(("bearer" = [])), request_body = Body,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses(
        (status = 201, description = "The note.", body = Note),
        (status = 409, description = "`id_taken`: there is something with this id. `too_deep`: the parent lies too deep.",
         body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_note(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    key: IdempotencyKey,
    Json(body): Json<Body>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "POST /api/notes", &body).await? {
        return Ok(answer.into_response());
    }
    let content = body.content.map(|blocks| Content::parse("/content", blocks, || clock.new_id()));
    let new = NewNote {
        title: body.title.or_else(|| Title::of_text(TITLE)).expect("the constant is a title"),
        content: content.transpose()?.unwrap_or_default(),
        parent_id: body.parent_id,
        is_pinned: body.is_pinned,
        is_archived: body.is_archived,
        metadata: body.metadata,
    };
    let id = body.id.unwrap_or_else(|| clock.new_id());
    let made = note::create(&mut tx, user.id, id, new, &clock).await?;
    key.commit(tx, user.id, StatusCode::CREATED, &made).await
}
