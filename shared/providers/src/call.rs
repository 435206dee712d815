//! One HTTP call to a vendor: bounded, and with every failure turned into a [`ProviderError`].

use base::request;
use reqwest::header::HeaderValue;
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::error::{ProviderError, ProviderErrorKind};
use crate::retry::{CallLimits, apply_headers};
use crate::vendor_error;

/// The most of an error body that is read, in bytes.
const ERROR_BODY_BYTES_MAX: usize = 16 * 1024;
/// The most of an answer in one piece, in bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Sends the request and returns an answer with a good status.
pub(crate) async fn send(
    request: RequestBuilder,
    key: Option<&SecretString>,
    limits: &CallLimits,
) -> Result<Response, ProviderError> {
    // The vendor's trace, if it keeps one, then belongs to the request that is served here.
    let request = match request::current() {
        Some(served) => request.header(request::TRACEPARENT_HEADER, served.traceparent()),
        None => request,
    };
    let answer = match timeout(limits.first_byte_timeout, request.send()).await {
        // Not retried: the vendor may still be at work, and would bill the work twice.
        Err(_) => return Err(ProviderError::new(ProviderErrorKind::Timeout).with_source("no status in time")),
        Ok(answer) => answer.map_err(ProviderError::from_transport)?,
    };
    if answer.status().is_success() {
        return Ok(answer);
    }
    let (status, headers) = (answer.status(), answer.headers().clone());
    // A body that cannot be read leaves the status to tell.
    let body = read_body(answer, ERROR_BODY_BYTES_MAX, limits).await.unwrap_or_default();
    Err(apply_headers(vendor_error::from_answer(status, &body, key), &headers))
}

/// Reads an answer that comes in one piece.
pub(crate) async fn read_answer(answer: Response, limits: &CallLimits) -> Result<Vec<u8>, ProviderError> {
    let reading = timeout(limits.reply_time_max, read_body(answer, ANSWER_BYTES_MAX, limits)).await;
    reading
        .unwrap_or_else(|_| Err(ProviderError::new(ProviderErrorKind::Timeout).with_source("the answer took too long")))
}

async fn read_body(mut answer: Response, bytes_max: usize, limits: &CallLimits) -> Result<Vec<u8>, ProviderError> {
    let mut body = Vec::new();
    loop {
        let chunk = match timeout(limits.chunk_idle_timeout, answer.chunk()).await {
            Err(_) => return Err(ProviderError::new(ProviderErrorKind::Timeout).with_source("the answer stalled")),
            Ok(chunk) => chunk.map_err(ProviderError::from_transport)?,
        };
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > bytes_max {
            return Err(ProviderError::new(ProviderErrorKind::Malformed).with_source("the answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
}

/// A header value that carries a key and is never printed. A key that fits in no header is no key.
pub(crate) fn key_header(prefix: &str, key: &SecretString) -> Result<HeaderValue, ProviderError> {
    let mut value = HeaderValue::from_str(&format!("{prefix}{}", key.expose_secret()))
        .map_err(|_| ProviderError::new(ProviderErrorKind::Unauthorized).with_source("the key fits in no header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A configured address without the slashes that people leave at its end.
pub(crate) fn trim_base_url(base_url: &str) -> String {
    base_url.trim().trim_end_matches('/').to_owned()
}
