//! Extractors that answer `application/problem+json` and name the field at fault.

use std::error::Error as _;

use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{Error, Result};

/// A JSON body, in and out.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// The parameters in the path.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

/// The parameters in the query string.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

/// The raw body, within the route's limit.
#[derive(Debug, Clone)]
pub struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        Bytes::from_request(request, state).await.map(Self).map_err(body_error)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        if !is_json(&request) {
            return Err(Error::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send the body as JSON, with the header content-type: application/json.",
            ));
        }
        let Body(bytes) = Body::from_request(request, state).await?;
        parse_json(&bytes).map(Self)
    }
}

/// A body that may be left out: no content, no `content-type` needed.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>> {
        let has_type = request.headers().contains_key(header::CONTENT_TYPE);
        if has_type && !is_json(&request) {
            return <Self as FromRequest<S>>::from_request(request, state).await.map(Some);
        }
        let Body(bytes) = Body::from_request(request, state).await?;
        if bytes.is_empty() { Ok(None) } else { parse_json(&bytes).map(Self).map(Some) }
    }
}

/// Parses JSON; a value of the wrong shape is 422 and named by its JSON pointer, unreadable text is 400.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let mut pointer = pointer_of(error.path());
        let error = error.into_inner();
        if let Some(missing) = missing_field(&error) {
            pointer = format!("{pointer}/{missing}");
            Error::invalid(pointer, "This is required.")
        } else if error.is_data() {
            Error::invalid(pointer, sentence(&error))
        } else if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
            // To the parser it is a syntax error when a name is asked for and null or a number is there, when a number
            // is too great, or when half a surrogate pair stands in a text.
            Error::invalid(pointer, "The field does not take this value.")
        } else {
            Error::malformed(format!("The body is not valid JSON: {error}."))
        }
    })?;
    reader.end().map_err(|error| Error::malformed(format!("The body is not valid JSON: {error}.")))?;
    Ok(value)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response(),
            Err(error) => Error::internal(error).into_response(),
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    /// What cannot be an id names nothing that exists, so it is 404 and not 400.
    #[expect(clippy::disallowed_types, reason = "this wraps it")]
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(error) if error.status() == StatusCode::INTERNAL_SERVER_ERROR => Err(Error::internal(error)),
            Err(_) => Err(Error::not_found("resource")),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|error| {
            let name = error.path().to_string();
            Error::invalid(if name == "." { "query".to_owned() } else { name }, sentence(error.inner()))
        })
    }
}

/// A field of a change: left out it stays as it is, `null` clears it. For
/// `#[serde(default, deserialize_with = "base::extract::present")]` on an `Option<Option<T>>`.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Refuses what PostgreSQL's `jsonb` cannot keep, text with the character U+0000, and names its place below
/// `pointer`. The parser has bounded the depth.
pub fn refuse_nul(pointer: &str, value: &Value) -> Result<()> {
    match pointer_to_nul(value) {
        None => Ok(()),
        Some(place) => {
            Err(Error::invalid(format!("{pointer}{place}"), "Text with the character U+0000 cannot be kept."))
        }
    }
}

fn pointer_to_nul(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => {
            let mut places = items.iter().enumerate();
            places.find_map(|(index, item)| Some(format!("/{index}{}", pointer_to_nul(item)?)))
        }
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            if name.contains('\0') {
                return Some(String::new());
            }
            let name = name.replace('~', "~0").replace('/', "~1");
            Some(format!("/{name}{}", pointer_to_nul(member)?))
        }),
        _ => None,
    }
}

fn is_json(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn body_error(rejection: BytesRejection) -> Error {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than this route takes.")
        }
        late if has_timed_out(&late) => {
            Error::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "The body took too long to arrive.")
        }
        other => Error::malformed("The body did not arrive whole.").with_source(other),
    }
}

/// Whether the server gave up waiting. Lambda never does: there the body has come before the function is called.
fn has_timed_out(rejection: &BytesRejection) -> bool {
    let causes = std::iter::successors(rejection.source(), |&cause| cause.source());
    let mut causes = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|error| error.kind() == std::io::ErrorKind::TimedOut)
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => pointer.push_str(variant),
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

/// The name of a field that should be there. The parser tells it in its message only.
fn missing_field(error: &serde_json::Error) -> Option<String> {
    let message = error.to_string();
    let (name, _) = message.strip_prefix("missing field `")?.split_once('`')?;
    Some(name.to_owned())
}

/// A parser's message as a sentence. What it quotes of the input is left out, since a secret may be in the wrong
/// field, and so is the position, which means nothing to a program.
fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _position)| text);
    let is_quoting =
        ["invalid type: ", "invalid value: ", "unknown variant "].iter().any(|kind| text.starts_with(kind));
    match text.rsplit_once(", expected ") {
        Some((_found, expected)) if is_quoting => format!("Expected {expected}."),
        _ => {
            let mut chars = text.chars();
            let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
            format!("{first}{}.", chars.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Order {
        lines: Vec<Line>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Line {
        count: u8,
        #[serde(default)]
        unit: Unit,
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Unit {
        #[default]
        Piece,
    }

    fn check(body: &str, status: u16, pointer: Option<&str>) {
        let error = parse_json::<Order>(body.as_bytes()).expect_err(body);
        assert_eq!(error.status().as_u16(), status, "{body}: {error}");
        assert_eq!(error.problem().errors.first().map(|field| field.pointer.as_str()), pointer, "{body}");
    }

    #[test]
    fn names_the_field_at_fault() {
        check(r#"{"lines":[{"count":1},{"count":-1}]}"#, 422, Some("/lines/1/count"));
        check(r#"{"lines":[{"count":1,"a/b~":2}]}"#, 422, Some("/lines/0/a~1b~0"));
        check(r#"{"lines":[{"count":1,"unit":"box"}]}"#, 422, Some("/lines/0/unit"));
        check(r#"{"lines":[{"count":1,"unit":null}]}"#, 422, Some("/lines/0/unit"));
        check(r#"{"lines":[{"count":1,"unit":7}]}"#, 422, Some("/lines/0/unit"));
        check(r#"{"lines":[{"count":1,"unit":null]}"#, 400, None);
        check("{}", 422, Some("/lines"));
        check(r#"{"lines":"#, 400, None);
        check(r#"{"lines":[]} x"#, 400, None);
    }

    #[test]
    fn never_quotes_a_value() {
        for body in [r#""s3cret, expected""#, r#"{"lines":"s3cret at line 1"}"#, r#"{"lines":[{"count":"s3cret"}]}"#] {
            let error = parse_json::<Order>(body.as_bytes()).expect_err(body);
            let detail = &error.problem().errors[0].detail;
            assert!(detail.starts_with("Expected ") && !detail.contains("s3cret"), "{body}: {detail}");
        }
    }
}
