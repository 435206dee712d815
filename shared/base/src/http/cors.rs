//! CORS: configured origins only.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header, request::Parts};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::idempotency;
use crate::request::{ACTION_GROUP_HEADER, REQUEST_ID_HEADER};

/// How long a browser may keep the answer to a preflight request.
const MAX_AGE: Duration = Duration::from_hours(1);

pub(super) fn layer(origins: Vec<String>) -> CorsLayer {
    let is_allowed = move |origin: &HeaderValue, _: &Parts| {
        origin.to_str().is_ok_and(|origin| origins.iter().any(|allowed| matches(allowed, origin)))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_allowed))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        // Tokens travel in a header and never in a cookie, so any header may come.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            header::CONTENT_DISPOSITION,
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            REQUEST_ID_HEADER,
            ACTION_GROUP_HEADER,
            idempotency::REPLAYED_HEADER,
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            HeaderName::from_static("x-vercel-ai-ui-message-stream"),
        ])
        .max_age(MAX_AGE)
}

fn matches(allowed: &str, origin: &str) -> bool {
    match allowed.strip_suffix(":*") {
        None => allowed == "*" || allowed == origin,
        Some(host) => origin.strip_prefix(host).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn matches_whole_origins_and_any_port() {
        for (allowed, origin, expected) in [
            ("https://app.example", "https://app.example", true),
            ("https://app.example", "https://app.example.evil", false),
            ("https://app.example", "http://app.example", false),
            ("http://localhost:*", "http://localhost:3000", true),
            ("http://localhost:*", "http://localhost", true),
            ("http://localhost:*", "http://localhost.evil:3000", false),
            ("http://localhost:*", "http://localhost:3000.evil", false),
        ] {
            assert_eq!(matches(allowed, origin), expected, "{allowed} {origin}");
        }
    }
}
