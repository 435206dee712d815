//! `GET /api/reflections/draft`: what happened in a period, as a text to go on from.

use axum::extract::State;
use base::auth::User;
use base::extract::{Json, Query};
use base::{Clock, Db, Result};
use domain::period::Day;
use domain::reflection::{self, Days, Draft, Kind, Period};
use domain::user;
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// What to look back on.
    #[serde(rename = "type")]
    #[param(inline, rename = "type")]
    kind: Kind,
    /// Any day of the day, week (from Monday), month, quarter or year to look back on; today, if this is left out.
    #[param(inline)]
    date: Option<Day>,
    /// The first day, together with `ends_on` and in place of `date`.
    #[param(inline)]
    starts_on: Option<Day>,
    /// The last day.
    #[param(inline)]
    ends_on: Option<Day>,
}

/// What happened in a period, by the time zone of the preferences: what was done, what slipped, what was moved, and how
/// far the goals are. Nothing is kept: edit the text and send it as the content of a new reflection.
#[utoipa::path(
    get, path = "/api/reflections/draft", tag = "planning", params(Parameters), security(("bearer" = [])),
    responses((status = 200, description = "The draft.", body = Draft))
)]
pub(crate) async fn show_draft(
    user: User,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Query(Parameters { kind, date, starts_on, ends_on }): Query<Parameters>,
) -> Result<Json<Draft>> {
    let now = clock.now();
    let mut tx = db.as_user(user.id).await?;
    let zone = user::find_time_zone(&mut tx, user.id).await?;
    let today = Day::nearest(now.to_zoned(zone.clone()).date());
    let period = Period::asked(kind, Days { date, starts_on, ends_on }, today, "")?;
    reflection::draft(tx, user.id, kind, period, &zone, now).await.map(Json)
}
