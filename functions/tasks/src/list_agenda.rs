//! `GET /api/occurrences`: when all recurring tasks are due.

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use base::auth::User;
use base::{Clock, Db, Result};
use domain::occurrence::{Query, WithTask};
use domain::recurrence;

use crate::agenda;

/// The occurrences of all of the user's recurring tasks that are due in a window, earliest first. They are made when
/// they are looked at, up to a year ahead. `Link` names the next page.
#[utoipa::path(
    get, path = "/api/occurrences", tag = "recurrence", security(("bearer" = [])), params(Query),
    responses((status = 200, description = "The occurrences.", body = Vec<WithTask>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_agenda(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    OriginalUri(uri): OriginalUri,
    base::extract::Query(query): base::extract::Query<Query>,
) -> Result<Response> {
    let mut tx = db.as_user(user.id).await?;
    let recurrences = recurrence::list_open(&mut tx, user.id).await?;
    agenda::show(&db, tx, user.id, agenda::Looked { task_id: None, recurrences, query, uri }, clock.now()).await
}
