//! `If-Match`: a write that was made from an older state changes nothing.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::http::etag::{lists, tag_of};
use crate::{Error, Result};

/// The entity tags that a write was made from, if the client names any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Option<HeaderValue>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(parts.headers.get(header::IF_MATCH).cloned()))
    }
}

impl IfMatch {
    /// Answers 412 when the client's state is another than `current`, which is what a GET would answer now. To
    /// be asked in the transaction of the write. The answer has the current tag in `ETag`.
    pub fn check(&self, current: &impl Serialize) -> Result<()> {
        let Some(known) = &self.0 else { return Ok(()) };
        let tag = tag_of(&serde_json::to_vec(current).map_err(Error::internal)?);
        if lists(known, &tag) {
            return Ok(());
        }
        let changed = Error::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            "It was changed since you read it. Read it again, then decide.",
        );
        Err(match HeaderValue::try_from(tag) {
            Ok(tag) => changed.with_header(header::ETAG, tag),
            Err(_) => changed,
        })
    }
}
