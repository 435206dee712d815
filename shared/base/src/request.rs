//! What is known about the request being served: its id, its trace, and what its log line will say.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName};
use uuid::Uuid;

use crate::{Clock, Error, Result};

/// The request's id, in and out. An incoming one is kept when it is short and plain.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// W3C Trace Context, in and out.
pub const TRACEPARENT_HEADER: HeaderName = HeaderName::from_static("traceparent");
/// The action that a write belongs to, in and out: what shares one can be undone together.
pub const ACTION_GROUP_HEADER: HeaderName = HeaderName::from_static("action-group");
/// The longest id taken over from a client, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 64;

tokio::task_local! {
    static CURRENT: Request;
}

/// One request being served. Clones share the notes.
#[derive(Debug, Clone)]
pub struct Request {
    id: Arc<str>,
    trace_id: Arc<str>,
    span_id: Arc<str>,
    /// The action that the client names, or a new one; none when what it names is no UUID.
    action_group: Option<Uuid>,
    notes: Arc<Mutex<Notes>>,
}

/// What handlers add to the request's one log line. No secrets and no user text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The internal user id.
    pub user_id: Option<Uuid>,
    /// The action that what was written belongs to.
    pub action_group: Option<Uuid>,
    /// The model that answered, as `provider/model`.
    pub model: Option<String>,
    /// Tokens read by the model.
    pub input_tokens: Option<u64>,
    /// Tokens written by the model.
    pub output_tokens: Option<u64>,
}

impl Request {
    /// Reads the id and the trace from a request's headers, or makes new ones.
    pub fn from_headers(headers: &HeaderMap, fresh: Uuid) -> Self {
        let id = headers
            .get(REQUEST_ID_HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|id| is_plain(id))
            .map_or_else(|| fresh.to_string().into(), Arc::from);
        let trace_id = headers
            .get(TRACEPARENT_HEADER)
            .and_then(|value| value.to_str().ok())
            .and_then(trace_id_of)
            .map_or_else(|| fresh.simple().to_string().into(), Arc::from);
        let span_id = fresh.simple().to_string()[16..].into();
        let action_group = match headers.get(ACTION_GROUP_HEADER) {
            Some(named) => named.to_str().ok().and_then(|named| named.parse().ok()),
            None => Some(fresh),
        };
        Self { id, trace_id, span_id, action_group, notes: Arc::default() }
    }

    /// The id that the client, the problem body and the log share.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The W3C trace id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The `traceparent` value that goes to services called for this request.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace_id, self.span_id)
    }

    /// Adds to the log line.
    pub fn note(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What was noted so far.
    pub fn notes(&self) -> Notes {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a future as part of this request; spawned tasks need it to keep the id and the notes.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), future)
    }
}

/// The request being served by this task, if any.
pub fn current() -> Option<Request> {
    CURRENT.try_with(Clone::clone).ok()
}

/// The action that a write now belongs to, which the answer will name: that of the request, or one of its own
/// outside of a request.
pub(crate) fn begin_action() -> Result<Uuid> {
    let Some(request) = current() else { return Ok(Clock::system().new_id()) };
    let group = request.action_group.ok_or_else(|| Error::invalid("Action-Group", "Give a UUID."))?;
    request.note(|notes| notes.action_group = Some(group));
    Ok(group)
}

/// The id of the request being served, or an empty string outside of one.
pub fn current_id() -> String {
    CURRENT.try_with(|request| request.id.to_string()).unwrap_or_default()
}

/// Adds to the log line of the request being served.
pub fn note(change: impl FnOnce(&mut Notes)) {
    if let Some(request) = current() {
        request.note(change);
    }
}

fn is_plain(id: &str) -> bool {
    (8..=REQUEST_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The trace id of a `traceparent`: `version-traceid-parentid-flags`, all lower-case hexadecimal, not all zero.
fn trace_id_of(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace_id, parent_id) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_set = |text: &str| text.bytes().any(|b| b != b'0');
    let ok = is_hex(version, 2) && version != "ff" && is_hex(trace_id, 32) && is_hex(parent_id, 16);
    (ok && is_set(trace_id) && is_set(parent_id)).then_some(trace_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_trace(traceparent: &str, expected: Option<&str>) {
        assert_eq!(trace_id_of(traceparent), expected, "{traceparent}");
    }

    #[test]
    fn reads_trace_context() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        check_trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some(id));
        check_trace("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-adds", Some(id));
        check_trace("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None);
        check_trace("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None);
        check_trace("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None);
        check_trace("", None);
    }
}
