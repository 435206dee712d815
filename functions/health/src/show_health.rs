//! `GET /api/health`: the process is up. `?deep=1` also asks what it depends on.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::Db;
use base::extract::{Json, Query};
use base::store::Store;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// `1` also asks the database and the short-lived store.
    #[param(value_type = Option<u8>, minimum = 0, maximum = 1)]
    deep: Option<Deep>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Deep {
    #[serde(rename = "0")]
    No,
    #[serde(rename = "1")]
    Yes,
}

/// How it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `failing` when something it depends on does not answer.
    status: Condition,
    /// The running version.
    version: &'static str,
    /// What it depends on, when asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Checks>,
}

/// What it depends on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checks {
    /// PostgreSQL answers.
    database: Condition,
    /// The store of limits and other short-lived state answers.
    short_lived_store: Condition,
}

/// Whether a part works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Condition {
    Ok,
    Failing,
}

/// Is it up?
#[utoipa::path(
    get, path = "/api/health", tag = "health", params(Parameters),
    responses(
        (status = 200, description = "Up.", body = Health),
        (status = 503, description = "Up, but something it depends on does not answer.", body = Health),
    )
)]
pub(crate) async fn show_health(
    State(db): State<Db>,
    State(store): State<Store>,
    Query(parameters): Query<Parameters>,
) -> Response {
    let checks = match parameters.deep {
        Some(Deep::Yes) => {
            Some(Checks { database: check_database(&db).await, short_lived_store: check_store(&store).await })
        }
        _ => None,
    };
    let is_failing =
        checks.as_ref().is_some_and(|checks| [checks.database, checks.short_lived_store].contains(&Condition::Failing));
    let status = if is_failing { Condition::Failing } else { Condition::Ok };
    let code = if is_failing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let health = Health { status, version: env!("CARGO_PKG_VERSION"), checks };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (code, no_store, Json(health)).into_response()
}

async fn check_store(store: &Store) -> Condition {
    match store.check().await {
        Ok(()) => Condition::Ok,
        Err(error) => {
            tracing::warn!(?error, "the short-lived store does not answer");
            Condition::Failing
        }
    }
}

async fn check_database(db: &Db) -> Condition {
    let asked = async {
        let tx = db.as_app().await?;
        tx.query_and_commit("select 1", &[]).await?;
        Ok::<_, base::Error>(())
    };
    match asked.await {
        Ok(()) => Condition::Ok,
        Err(error) => {
            tracing::warn!(?error, "the database does not answer");
            Condition::Failing
        }
    }
}
