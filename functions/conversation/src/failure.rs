//! A failure of OpenAI as an answer of ours.

use base::Error;
use http::StatusCode;
use providers::{ProviderError, ProviderErrorKind};

/// The answer to the caller. The key is the caller's own, so what is wrong with it is the caller's to know.
pub(crate) fn answer(error: ProviderError) -> Error {
    let detail = error.to_string();
    let retry_after = error.retry_after().map(|wait| wait.as_secs().max(1));
    let answer = match error.kind() {
        ProviderErrorKind::Unauthorized => Error::unauthorized("api_key_refused", detail),
        ProviderErrorKind::RateLimited => {
            return Error::too_many_requests(detail, retry_after.unwrap_or(1)).with_source(error);
        }
        ProviderErrorKind::InvalidRequest => Error::new(StatusCode::UNPROCESSABLE_ENTITY, "provider_refused", detail),
        ProviderErrorKind::Overloaded => Error::unavailable("provider_overloaded", detail),
        ProviderErrorKind::Timeout => Error::new(StatusCode::GATEWAY_TIMEOUT, "provider_timeout", detail),
        ProviderErrorKind::Unavailable | ProviderErrorKind::Interrupted | ProviderErrorKind::Malformed => {
            Error::new(StatusCode::BAD_GATEWAY, "provider_failed", detail)
        }
    };
    let answer = match retry_after {
        Some(seconds) => answer.with_retry_after(seconds),
        None => answer,
    };
    answer.with_source(error)
}
