//! `GET /api/goals`: the user's goals, newest first.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Query};
use base::page::Page;
use base::{Db, Result};
use domain::goal::{self, Above, Filter, Goal, Status};
use domain::period::{Day, Timeframe};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

/// What `parent_goal_id` says for the goals that are a part of no other.
const NO_PARENT: &str = "none";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Only goals that span this much time.
    #[param(inline)]
    timeframe: Option<Timeframe>,
    /// Only goals with this status.
    #[param(inline)]
    status: Option<Status>,
    /// Only goals directly below this one; `none` for those below no other.
    #[param(inline, value_type = Option<String>)]
    parent_goal_id: Option<Parent>,
    /// Only goals whose own year, quarter, month, week or day holds this day.
    #[param(inline)]
    on: Option<Day>,
    /// Only goals that are due on this day or later.
    #[param(inline)]
    due_from: Option<Day>,
    /// Only goals that are due on this day or earlier.
    #[param(inline)]
    due_to: Option<Day>,
    /// Only goals with these words in the title or the description.
    q: Option<String>,
}

/// The place in the tree that `parent_goal_id` names.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Parent(Above);

impl TryFrom<String> for Parent {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == NO_PARENT {
            return Ok(Self(Above::Nothing));
        }
        text.parse::<Uuid>().map(|id| Self(Above::Goal(id))).map_err(|_| "neither a goal's id nor none")
    }
}

/// A page of the user's goals, newest first, each with its progress as it is now. `Link` names the next page.
#[utoipa::path(
    get, path = "/api/goals", tag = "planning", params(base::page::Parameters, Parameters),
    security(("bearer" = [])),
    responses((status = 200, description = "The goals.", body = Vec<Goal>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_goals(
    user: User,
    State(db): State<Db>,
    page: Page,
    Query(parameters): Query<Parameters>,
) -> Result<Response> {
    let filter = Filter {
        timeframe: parameters.timeframe,
        status: parameters.status,
        above: parameters.parent_goal_id.map(|Parent(above)| above),
        on: parameters.on,
        due_from: parameters.due_from,
        due_to: parameters.due_to,
        words: parameters.q,
    };
    let mut goals = goal::list(db.as_user(user.id).await?, user.id, &page, &filter).await?;
    let next = page.cut(&mut goals, |goal| goal.id);
    Ok((AppendHeaders(next), Json(goals)).into_response())
}
