//! `POST /api/undo/{action_group}`: restores what was before an action.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::Path;
use base::idempotency::IdempotencyKey;
use base::{Db, Error, Result, request};
use domain::change::{self, Undone};
use http::StatusCode;
use uuid::Uuid;

/// Restores what was before an action: all of it, or nothing with 409 `changed_since`, which names in `errors` what
/// was changed since. Undoing is an action too; the header `Action-Group` of the answer names it, so it can be undone.
#[utoipa::path(
    post, path = "/api/undo/{action_group}", tag = "changes", security(("bearer" = [])),
    params(("action_group" = Uuid, Path, description = "The action, as the answer to a write or the log names it."),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses((status = 200, description = "What is as it was.", body = Undone),
              (status = 409, description = "Something was changed since; nothing was undone.",
               body = base::error::Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn undo_action(
    user: User,
    State(db): State<Db>,
    key: IdempotencyKey,
    Path(action_group): Path<Uuid>,
) -> Result<Response> {
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "POST /api/undo/{action_group}", &action_group).await? {
        return Ok(answer.into_response());
    }
    if request::current().is_some_and(|request| request.notes().action_group == Some(action_group)) {
        return Err(Error::invalid("Action-Group", "Undoing is an action of its own: name another one, or none."));
    }
    let undone = change::undo(&mut tx, user.id, action_group).await?;
    let undone = undone.ok_or_else(|| Error::not_found("action"))?;
    key.commit(tx, user.id, StatusCode::OK, &undone).await
}
