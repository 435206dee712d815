//! Entity tags: a GET whose answer did not change since the client's last is answered 304, and a write answers
//! with the tag of what it leaves behind, for [`IfMatch`](crate::if_match::IfMatch).

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use sha2::{Digest, Sha256};

/// Larger answers are not hashed.
const TAGGED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How much of the hash makes the tag, in bytes.
const TAG_BYTES: usize = 16;

pub(super) async fn tag(request: Request, next: Next) -> Response {
    let is_get = request.method() == Method::GET;
    let known = request.headers().get(header::IF_NONE_MATCH).filter(|_| is_get).cloned();
    let method = request.method().clone();
    let response = next.run(request).await;
    if !is_taggable(&method, &response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let tag = tag_of(&bytes);
    let is_known = known.is_some_and(|known| lists(&known, &tag));
    parts.headers.insert(header::ETAG, HeaderValue::try_from(tag).expect("base64 is plain ASCII"));
    if is_get && !parts.headers.contains_key(header::CACHE_CONTROL) {
        // The client may keep it, but asks each time whether it still holds.
        parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        remove_content(&mut parts.headers);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// The tag of a representation: the beginning of its hash.
pub(crate) fn tag_of(bytes: &[u8]) -> String {
    format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(bytes)[..TAG_BYTES]))
}

/// JSON that is there as a whole and shows a resource as it now is; streams are left alone.
fn is_taggable(method: &Method, response: &Response) -> bool {
    let headers = response.headers();
    let shows_resource = match response.status() {
        StatusCode::OK => [Method::GET, Method::PUT, Method::PATCH].contains(method),
        StatusCode::CREATED => true,
        _ => false,
    };
    shows_resource
        && !headers.contains_key(header::ETAG)
        && headers.get(header::CONTENT_TYPE).is_some_and(|value| value == "application/json")
        && response.body().size_hint().exact().is_some_and(|size| size <= TAGGED_BYTES_MAX)
}

/// Whether a header with tags lists this one.
pub(crate) fn lists(known: &HeaderValue, tag: &str) -> bool {
    let known = known.to_str().unwrap_or_default();
    known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
}

fn remove_content(headers: &mut HeaderMap) {
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LENGTH);
}
