//! API Gateway's events as requests for the router.

use http::{HeaderMap, HeaderValue, Uri, uri};
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{Context, Request, RequestExt};

use crate::request::{REQUEST_ID_HEADER, TRACEPARENT_HEADER};

const XRAY_HEADER: &str = "x-amzn-trace-id";

/// Reads an event of a REST API, an HTTP API or a function URL.
///
/// The request's path is the route's, without the stage. Lambda's request id becomes the request's
/// id, unless the client sent one of its own, and likewise the trace.
pub(super) fn into_request(event: &[u8], context: Context) -> Result<Request, serde_json::Error> {
    let text = std::str::from_utf8(event).map_err(serde::de::Error::custom)?;
    let mut event: LambdaRequest = serde_json::from_str(text)?;
    if let LambdaRequest::ApiGatewayV1(rest) = &mut event {
        // A name's last value stands here, and would take the place of all of them.
        let all = &rest.multi_value_headers;
        let repeated: Vec<_> = all.keys().filter(|name| all.get_all(*name).iter().count() > 1).cloned().collect();
        for name in repeated {
            rest.headers.remove(name);
        }
    }
    let mut request = Request::from(event);
    if let Some(uri) = without_stage(&request) {
        *request.uri_mut() = uri;
    }
    let headers = request.headers_mut();
    for (name, value) in &of_invocation(&context) {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if let Some(trace) = context.xray_trace_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert(XRAY_HEADER, trace);
    }
    Ok(request.with_lambda_context(context))
}

/// What Lambda says of an invocation, as a client would: its id, and its trace when X-Ray gave it one.
pub(super) fn of_invocation(context: &Context) -> HeaderMap {
    let trace = context.xray_trace_id.as_deref().and_then(traceparent);
    let named = [(REQUEST_ID_HEADER, Some(context.request_id.clone())), (TRACEPARENT_HEADER, trace)];
    let headers = named.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::try_from(value?).ok()?)));
    headers.collect()
}

/// An X-Ray trace in the W3C's form: `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
fn traceparent(xray: &str) -> Option<String> {
    let field = |name: &str| xray.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    let trace_id = field("Root")?.strip_prefix("1-")?.replace('-', "");
    let flags = if field("Sampled") == Some("1") { "01" } else { "00" };
    Some(format!("00-{trace_id}-{}-{flags}", field("Parent")?))
}

/// The address without the stage, when it has one.
///
/// A REST API's event never carries the stage in its path, but `lambda_http` puts it there unless
/// `AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH` is set; an HTTP API's named stage is part of the path.
/// Undoing both here spares the functions a setting without which no route would match.
fn without_stage(request: &Request) -> Option<Uri> {
    let (stage, is_in_event) = match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => (context.stage.as_deref()?, false),
        RequestContext::ApiGatewayV2(context) => (context.stage.as_deref()?, true),
        _ => return None,
    };
    let prefix = format!("/{stage}/");
    if !is_in_event && request.raw_http_path().starts_with(&prefix) {
        // A REST API whose routes begin with the stage's name: nothing was put in front of it.
        return None;
    }
    let path_and_query = request.uri().path_and_query()?.as_str();
    let rest =
        path_and_query.strip_prefix(prefix.trim_end_matches('/')).filter(|_| path_and_query.starts_with(&prefix))?;
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(uri::PathAndQuery::try_from(rest).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest_event(stage: &str, path: &str) -> String {
        serde_json::json!({
            "httpMethod": "GET", "path": path, "resource": path,
            "headers": {"host": "api.example"}, "multiValueHeaders": {"host": ["api.example"]},
            "multiValueQueryStringParameters": {"limit": ["2"]},
            "requestContext": {"stage": stage, "httpMethod": "GET", "identity": {"sourceIp": "1.2.3.4"}},
        })
        .to_string()
    }

    fn http_event(stage: &str, path: &str) -> String {
        serde_json::json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "limit=2",
            "headers": {"host": "api.example"},
            "requestContext": {"stage": stage, "http": {"method": "GET", "path": path, "sourceIp": "1.2.3.4"}},
        })
        .to_string()
    }

    fn read(event: &str) -> Request {
        let mut context = Context::default();
        context.request_id = "00000000-0000-0000-0000-000000000001".to_owned();
        into_request(event.as_bytes(), context).expect("the event is an HTTP request")
    }

    fn check_path(event: &str, expected: &str) {
        assert_eq!(read(event).uri().path_and_query().expect("a path").as_str(), expected, "{event}");
    }

    #[test]
    fn leaves_the_stage_out_of_the_path() {
        check_path(&rest_event("prod", "/api/health"), "/api/health?limit=2");
        check_path(&rest_event("api", "/api/health"), "/api/health?limit=2");
        check_path(&rest_event("prod", "/production"), "/production?limit=2");
        check_path(&http_event("$default", "/api/health"), "/api/health?limit=2");
        check_path(&http_event("prod", "/prod/api/health"), "/api/health?limit=2");
    }

    #[test]
    fn takes_lambdas_request_id_where_the_client_sent_none() {
        let request = read(&rest_event("prod", "/"));
        assert_eq!(request.headers()[REQUEST_ID_HEADER], "00000000-0000-0000-0000-000000000001");
        let own = rest_event("prod", "/").replace(r#""headers":{"#, r#""headers":{"x-request-id":"mine-12345","#);
        assert_eq!(read(&own).headers()[REQUEST_ID_HEADER], "mine-12345");
    }

    #[test]
    fn keeps_all_values_of_a_header() {
        let event = rest_event("prod", "/").replace(
            r#""multiValueHeaders":{"#,
            r#""multiValueHeaders":{"accept":["text/html","text/plain"],"x-one":["1"],"#,
        );
        let event = event.replace(r#""headers":{"#, r#""headers":{"accept":"text/plain","x-one":"1","#);
        let request = read(&event);
        let all = |name| request.headers().get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(all("accept"), ["text/html", "text/plain"]);
        assert_eq!(all("x-one"), ["1"]);
    }

    fn check_trace(xray: &str, expected: Option<&str>) {
        assert_eq!(traceparent(xray).as_deref(), expected, "{xray}");
    }

    #[test]
    fn a_trace_of_x_ray_is_a_trace_of_the_w3c() {
        check_trace(
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0",
            Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"),
        );
        check_trace(
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
            Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00"),
        );
        check_trace("Root=1-5759e988-bd862e3fe1be46a994272793", None);
        check_trace("Self=1-1-1", None);
    }

    #[test]
    fn refuses_other_events() {
        let not_http = into_request(br#"{"Records": []}"#, Context::default());
        assert!(not_http.is_err());
    }
}
