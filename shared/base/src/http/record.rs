//! The outermost layer: gives a request its id, and writes its one log line when the answer has ended.

use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use jiff::Timestamp;

use super::Settings;
use super::metrics::{Measured, Metrics};
use crate::error::{Cause, in_one_line};
use crate::error_report::{ErrorReports, Report};
use crate::request::{self, ACTION_GROUP_HEADER, REQUEST_ID_HEADER, TRACEPARENT_HEADER};
use crate::{Clock, address};

/// The caller's address, in the extensions of every request.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The key for limits per address. One IPv6 customer has at least a /64 to choose addresses from, so
    /// those count as one.
    pub fn limit_key(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let network = Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX));
                format!("{network}/64")
            }
        }
    }
}

pub(super) async fn record(State(settings): State<Settings>, mut http: Request, next: Next) -> Response {
    let request = request::Request::from_headers(http.headers(), settings.clock.new_id());
    let caller = address::of(http.extensions(), http.headers(), settings.trusted_proxy_hops);
    http.extensions_mut().insert(ClientAddress(caller));
    let mut line = Line {
        request: request.clone(),
        method: http.method().clone(),
        route: http.extensions().get::<MatchedPath>().map_or("none".into(), |path| path.as_str().into()),
        status: StatusCode::INTERNAL_SERVER_ERROR,
        cause: None,
        began: settings.clock.now(),
        clock: settings.clock,
        metrics: settings.metrics,
        reports: settings.reports,
    };
    let mut response = request.scope(next.run(http)).await;
    line.status = response.status();
    line.cause = response.extensions_mut().remove::<Cause>();
    let action = request.notes().action_group.filter(|_| line.status.is_success());
    let action = action.map(|group| (ACTION_GROUP_HEADER, group.to_string()));
    let named = [(REQUEST_ID_HEADER, request.id().to_owned()), (TRACEPARENT_HEADER, request.traceparent())];
    let headers = response.headers_mut();
    // All are plain ASCII by construction; a value that is not is left out rather than failed on.
    for (name, value) in named.into_iter().chain(action) {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    response.map(|body| Body::new(Recorded { body, line }))
}

/// What the log line will say. It is written when this is dropped, which is when the body has been sent or
/// the client has left.
struct Line {
    request: request::Request,
    method: Method,
    route: Box<str>,
    status: StatusCode,
    cause: Option<Cause>,
    began: Timestamp,
    clock: Clock,
    metrics: Metrics,
    reports: ErrorReports,
}

impl Drop for Line {
    fn drop(&mut self) {
        let notes = self.request.notes();
        let now = self.clock.now();
        let ms = now.as_millisecond() - self.began.as_millisecond();
        let status = self.status.as_u16();
        self.metrics.write_request(&Measured { route: &self.route, status, ms, notes: &notes, at: now });
        let user_id = notes.user_id.map(tracing::field::display);
        let action_group = notes.action_group.map(tracing::field::display);
        let cause = self.cause.as_ref().map(|Cause(source)| in_one_line(&***source));
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = self.request.id(),
                    trace_id = self.request.trace_id(),
                    method = self.method.as_str(),
                    route = &*self.route,
                    status,
                    ms,
                    user_id,
                    action_group,
                    model = notes.model,
                    input_tokens = notes.input_tokens,
                    output_tokens = notes.output_tokens,
                    cause,
                    "request"
                )
            };
        }
        if !self.status.is_server_error() {
            line!(info);
            return;
        }
        self.reports.send(|| Report {
            id: self.clock.new_id(),
            at: now,
            action: format!("{} {}", self.method, self.route),
            outcome: status.to_string(),
            request: Some((self.request.id().to_owned(), self.request.trace_id().to_owned())),
            user_id: notes.user_id,
            cause: cause.clone(),
        });
        line!(error);
    }
}

struct Recorded {
    body: Body,
    #[expect(dead_code, reason = "kept for its drop")]
    line: Line,
}

impl HttpBody for Recorded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_has_one_limit() {
        for (address, expected) in [("1.2.3.4", "1.2.3.4"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")] {
            let address = ClientAddress(address.parse().expect("an address"));
            assert_eq!(address.limit_key(), expected);
        }
    }
}
