//! `GET /api/changes`: what happened, in order, waiting for more when asked to.

use std::time::Duration;

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Query};
use base::{Db, Error, Result};
use domain::change::{self, Change};
use http::{HeaderValue, header};
use serde::Deserialize;
use tokio::time::{Instant, sleep};
use utoipa::IntoParams;

/// The most changes in one answer.
const LIMIT_MAX: i64 = 500;
/// How many changes an answer has when the client does not say.
const LIMIT_DEFAULT: i64 = 100;
/// The longest wait, in seconds: below the 29 after which API Gateway gives up.
const WAIT_SECONDS_MAX: u64 = 25;
/// How often the log is looked at while waiting. A connection is only held for the look itself.
const LOOK_EVERY: Duration = Duration::from_millis(400);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// Only changes with a greater number; 0 for all.
    #[serde(default)]
    #[param(minimum = 0, default = 0, required = false)]
    after: i64,
    /// How many changes, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<i64>,
    /// When there is nothing yet, how many seconds to wait for it, up to 25.
    #[serde(default)]
    #[param(minimum = 0, maximum = 25, default = 0, required = false)]
    wait: u64,
}

/// What happened after number `after`, oldest first: for keeping a copy in step, for showing what was done, and for
/// undoing it. Numbers have no gaps, and what has been answered once never changes. `Link` names where to go on,
/// also when there is nothing more yet.
#[utoipa::path(
    get, path = "/api/changes", tag = "changes", params(Parameters), security(("bearer" = [])),
    responses((status = 200, description = "The changes.", body = Vec<Change>,
               headers(("link" = String, description = "What follows, with rel=\"next\"."))))
)]
pub(crate) async fn list_changes(
    user: User,
    State(db): State<Db>,
    Query(Parameters { after, limit, wait }): Query<Parameters>,
) -> Result<Response> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Error::invalid("limit", format!("Give a number from 1 to {LIMIT_MAX}.")));
    }
    if after < 0 {
        return Err(Error::invalid("after", "Give the number of a change, or 0."));
    }
    if wait > WAIT_SECONDS_MAX {
        return Err(Error::invalid("wait", format!("Give a number from 0 to {WAIT_SECONDS_MAX}.")));
    }
    let until = Instant::now() + Duration::from_secs(wait);
    let changes = loop {
        let changes = change::list(db.as_user(user.id).await?, user.id, after, limit).await?;
        let now = Instant::now();
        if !changes.is_empty() || now >= until {
            break changes;
        }
        sleep(LOOK_EVERY.min(until - now)).await;
    };
    let last = changes.last().map_or(after, |change| change.seq);
    let next = format!("</api/changes?after={last}&limit={limit}&wait={wait}>; rel=\"next\"");
    let next = HeaderValue::try_from(next).map_err(Error::internal)?;
    Ok((AppendHeaders([(header::LINK, next)]), Json(changes)).into_response())
}
