//! `GET /api/tasks`: the user's tasks, filtered and in order.

use axum::extract::{FromRequestParts, State};
use axum::response::{AppendHeaders, IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Query};
use base::page::Page;
use base::{Db, Error, Result};
use domain::field::{Priority, Tags};
use domain::period::Day;
use domain::task::{self, Filter, Key, Parent, Sort, Source, Status, Task};
use http::request::Parts;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;
use uuid::Uuid;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Only tasks in one of these, with commas between them. Without it, all but archived ones.
    #[param(value_type = Option<String>, example = "pending,in_progress")]
    status: Option<Names<Status>>,
    /// Only tasks of one of these, with commas between them.
    #[param(value_type = Option<String>, example = "high,urgent")]
    priority: Option<Names<Priority>>,
    /// Only tasks due on this day or later.
    #[param(value_type = Option<String>, format = Date)]
    due_from: Option<Day>,
    /// Only tasks due on this day or earlier.
    #[param(value_type = Option<String>, format = Date)]
    due_to: Option<Day>,
    /// Only tasks for this goal.
    goal_id: Option<Uuid>,
    /// Only tasks that are a part of this one; `none` for those that are part of none.
    #[param(value_type = Option<String>)]
    parent_id: Option<Parent>,
    /// Only tasks from this source.
    #[param(inline)]
    source: Option<Source>,
    /// Only tasks with these words in title, description or tags.
    q: Option<String>,
    /// The order: `created_at`, `updated_at`, `due`, `priority` or `title`, each with `-` before it for the reverse.
    /// Without it, `-created_at`. Tasks without a date come last in both orders by `due`.
    #[param(value_type = Option<String>, example = "due")]
    sort: Option<Sort>,
}

/// Names with commas between them.
#[derive(Debug)]
struct Names<T>(Vec<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Names<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.split(',').map(|name| T::deserialize(name.trim().into_deserializer())).collect::<Result<_, _>>().map(Self)
    }
}

/// Tags that the tasks have, all of them. The parameter may be there several times, each with commas.
#[derive(Debug)]
pub(crate) struct Tagged(Vec<String>);

impl<S: Send + Sync> FromRequestParts<S> for Tagged {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let values: Vec<_> = pairs.filter(|(name, _)| name == "tag").map(|(_, value)| value).collect();
        let tags: Vec<String> = values.iter().flat_map(|value| value.split(',')).map(str::to_owned).collect();
        match Tags::try_from(tags) {
            Ok(tags) => Ok(Self(tags.into_vec())),
            Err(fault) => Err(Error::invalid("tag", format!("This is {fault}."))),
        }
    }
}

impl Parameters {
    fn into_filter(self, tags: Vec<String>) -> Filter {
        Filter {
            statuses: self.status.map(|names| names.0).unwrap_or_default(),
            priorities: self.priority.map(|names| names.0).unwrap_or_default(),
            due_from: self.due_from,
            due_to: self.due_to,
            goal_id: self.goal_id,
            parent: self.parent_id,
            tags,
            source: self.source,
            words: self.q,
            sort: self.sort.unwrap_or_default(),
        }
    }
}

/// A page of the user's tasks. `before` names the task that the page follows in the chosen order; a time is only for
/// orders by `created_at`. `Link` names the next page.
#[utoipa::path(
    get, path = "/api/tasks", tag = "tasks", security(("bearer" = [])),
    params(base::page::Parameters, Parameters,
           ("tag" = Option<Vec<String>>, Query, description = "Only tasks with all of these tags: several of this, \
            or with commas between them.")),
    responses((status = 200, description = "The tasks.", body = Vec<Task>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_tasks(
    user: User,
    State(db): State<Db>,
    page: Page,
    Query(parameters): Query<Parameters>,
    Tagged(tags): Tagged,
) -> Result<Response> {
    let filter = parameters.into_filter(tags);
    if page.before_time().is_some() && filter.sort.key != Key::CreatedAt {
        return Err(Error::invalid("before", "A time is a place only in orders by created_at. Give an id."));
    }
    let mut tasks = task::list(db.as_user(user.id).await?, user.id, &page, &filter).await?;
    if tasks.is_empty() {
        check_place(&db, &user, &page).await?;
    }
    let next = page.cut(&mut tasks, |task| task.id);
    Ok((AppendHeaders(next), Json(tasks)).into_response())
}

/// Nothing follows a task that is gone. To say that the list ends there would be wrong.
async fn check_place(db: &Db, user: &User, page: &Page) -> Result<()> {
    let Some(id) = page.before_id() else { return Ok(()) };
    let found = task::read(db.as_user(user.id).await?, user.id, id).await?;
    found.map(drop).ok_or_else(|| Error::invalid("before", "There is no such task. Begin with the first page again."))
}
