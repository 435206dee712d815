//! `PATCH /api/tasks`: changes many tasks in the same way, all or none.

use std::collections::{HashMap, HashSet};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::error::Problem;
use base::extract::Json;
use base::idempotency::IdempotencyKey;
use base::{Clock, Db, Error, Result};
use domain::task::{self, Change, Task};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The most tasks that are changed at once.
const IDS_MAX: usize = 500;

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TasksChange {
    /// The tasks, each named once.
    #[schema(min_items = 1, max_items = 500)]
    ids: Vec<Uuid>,
    /// What becomes of each.
    set: Change,
}

/// Changes up to 500 tasks in the same way: all of them, or none when one cannot be. A task that is not there is 404
/// and named in `errors`.
#[utoipa::path(
    patch, path = "/api/tasks", tag = "tasks", security(("bearer" = [])), request_body = TasksChange,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes sending it again safe.")),
    responses((status = 200, description = "The tasks as now kept, in the order of the ids.", body = Vec<Task>),
              (status = 409, description = "The parent is one of the tasks or below one (`cycle`), or lies too deep \
               (`too_deep`).", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn update_tasks(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    key: IdempotencyKey,
    Json(change): Json<TasksChange>,
) -> Result<Response> {
    check_ids(&change.ids)?;
    let mut tx = db.as_writer(user.id).await?;
    if let Some(answer) = key.claim(&mut tx, user.id, "PATCH /api/tasks", &change).await? {
        return Ok(answer.into_response());
    }
    let current = task::find_many(&mut tx, user.id, &change.ids).await?;
    let current = in_order(&change.ids, current)?;
    let updated = task::update(&mut tx, user.id, current, &change.set, "/set", clock.now()).await?;
    key.commit(tx, user.id, StatusCode::OK, &updated).await
}

fn check_ids(ids: &[Uuid]) -> Result<()> {
    if !(1..=IDS_MAX).contains(&ids.len()) {
        return Err(Error::invalid("/ids", format!("Give 1 to {IDS_MAX} ids.")));
    }
    let mut seen = HashSet::new();
    match ids.iter().position(|id| !seen.insert(id)) {
        Some(place) => Err(Error::invalid(format!("/ids/{place}"), "This id was given before.")),
        None => Ok(()),
    }
}

/// The tasks in the order of their ids, or 404 with each that is missing.
fn in_order(ids: &[Uuid], tasks: Vec<Task>) -> Result<Vec<Task>> {
    let mut tasks: HashMap<Uuid, Task> = tasks.into_iter().map(|task| (task.id, task)).collect();
    let missing = ids.iter().enumerate().filter(|(_, id)| !tasks.contains_key(id));
    let missing: Vec<String> = missing.map(|(place, _)| format!("/ids/{place}")).collect();
    if missing.is_empty() {
        return Ok(ids.iter().filter_map(|id| tasks.remove(id)).collect());
    }
    let name = |error: Error, pointer: String| error.with_field(pointer, "There is no such task.");
    Err(missing.into_iter().fold(Error::not_found("task"), name))
}
