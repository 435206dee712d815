//! The layers around every router, the same on AWS Lambda and on one machine.

mod cors;
pub(crate) mod etag;
mod metrics;
mod record;

use std::any::Any;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;

use crate::address::TrustedProxyHops;
use crate::config::Env;
use crate::error_report::ErrorReports;
use crate::{Clock, Error, Result};

pub use metrics::{Measure, Metrics, Unit};
pub use record::ClientAddress;

/// The largest body of a route that does not set its own limit, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What the layers need to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The origins that browsers may call from. `http://localhost:*` means any port.
    pub cors_origins: Vec<String>,
    /// How many proxies stand in front.
    pub trusted_proxy_hops: TrustedProxyHops,
    /// Where answers that are our fault are reported.
    pub reports: ErrorReports,
    /// Whether each request is also measured.
    pub metrics: Metrics,
    /// The time, for ids and durations.
    pub clock: Clock,
}

impl Settings {
    /// Reads `CORS_ORIGINS` (comma-separated, default none), `TRUSTED_PROXY_HOPS` (default 0), `METRICS`
    /// (default `off`) and `SENTRY_DSN`.
    pub fn from_env(env: &Env, clock: Clock) -> Result<Self> {
        Ok(Self {
            cors_origins: env.list("CORS_ORIGINS"),
            trusted_proxy_hops: TrustedProxyHops(env.parse_or("TRUSTED_PROXY_HOPS", 0)?),
            reports: ErrorReports::from_env(env)?,
            metrics: Metrics::from_env(env)?,
            clock,
        })
    }
}

/// Puts the layers around a complete router. From the outside in: the request's id and log line, CORS,
/// panics, entity tags, the body limit, and problem answers for unknown paths and methods.
pub fn finish(router: Router, settings: Settings) -> Router {
    router
        .fallback(async || Error::new(StatusCode::NOT_FOUND, "no_route", "There is nothing at this address."))
        .method_not_allowed_fallback(async || {
            Error::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take this method.")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(etag::tag))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(cors::layer(settings.cors_origins.clone()))
        .layer(axum::middleware::from_fn_with_state(settings, record::record))
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands over the payload")]
fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message");
    Error::internal(format!("a handler panicked: {text}")).into_response()
}
