//! `GET /api/reflections`: the user's reflections, newest first.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Query};
use base::page::Page;
use base::{Db, Result};
use domain::period::Day;
use domain::reflection::{self, Filter, Kind, Reflection};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Only reflections of this type.
    #[param(inline)]
    reflection_type: Option<Kind>,
    /// Only reflections that look back on this day or a later one.
    #[param(inline)]
    from: Option<Day>,
    /// Only reflections that look back on this day or an earlier one.
    #[param(inline)]
    to: Option<Day>,
    /// Only reflections with these words.
    q: Option<String>,
}

/// A page of the user's reflections, newest first. `Link` names the next page.
#[utoipa::path(
    get, path = "/api/reflections", tag = "planning", params(base::page::Parameters, Parameters),
    security(("bearer" = [])),
    responses((status = 200, description = "The reflections.", body = Vec<Reflection>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_reflections(
    user: User,
    State(db): State<Db>,
    page: Page,
    Query(parameters): Query<Parameters>,
) -> Result<Response> {
    let Parameters { reflection_type, from, to, q } = parameters;
    let filter = Filter { kind: reflection_type, from, to, words: q };
    let mut reflections = reflection::list(db.as_user(user.id).await?, user.id, &page, &filter).await?;
    let next = page.cut(&mut reflections, |reflection| reflection.id);
    Ok((AppendHeaders(next), Json(reflections)).into_response())
}
