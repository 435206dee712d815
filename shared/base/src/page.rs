//! Keyset pages on `(created_at, id)`: ties never drop or repeat a row.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderValue, Uri, header};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::extract::Query;
use crate::{Error, Result};

/// The most rows a page may have.
pub const LIMIT_MAX: i64 = 100;
/// How many rows a page has when the client does not say.
pub const LIMIT_DEFAULT: i64 = 20;

/// Which page of a list is wanted: newest first, `limit` rows that come before `before`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// 1 to [`LIMIT_MAX`].
    pub limit: i64,
    /// Where the page starts.
    pub before: Option<Before>,
    uri: Uri,
}

/// The place in the list that the page comes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Before the row with this id.
    Id(Uuid),
    /// Before this moment.
    Time(Timestamp),
}

/// The query parameters of a page, for the API description.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// How many rows, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<i64>,
    /// Rows that come before this one: an id from the list, or an RFC 3339 time.
    before: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Query(Parameters { limit, before }) = Query::from_request_parts(parts, state).await?;
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Error::invalid("limit", format!("Give a number from 1 to {LIMIT_MAX}.")));
        }
        let before = before.as_deref().map(parse_before).transpose()?;
        let uri = parts.extensions.get::<axum::extract::OriginalUri>().map_or(&parts.uri, |original| &original.0);
        Ok(Self { limit, before, uri: uri.clone() })
    }
}

impl Page {
    /// How many rows to ask the database for: one more than the page, to know whether another follows.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The id to come before, for SQL.
    pub fn before_id(&self) -> Option<Uuid> {
        match self.before {
            Some(Before::Id(id)) => Some(id),
            _ => None,
        }
    }

    /// The moment to come before, for SQL.
    pub fn before_time(&self) -> Option<Timestamp> {
        match self.before {
            Some(Before::Time(time)) => Some(time),
            _ => None,
        }
    }

    /// Cuts the rows to the page and, when more follow, gives the `Link` header to the next one.
    pub fn cut<T>(&self, rows: &mut Vec<T>, id_of: impl Fn(&T) -> Uuid) -> Option<(header::HeaderName, HeaderValue)> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        if rows.len() <= limit {
            return None;
        }
        rows.truncate(limit);
        let last = id_of(rows.last()?);
        let query = self.uri.query().unwrap_or_default();
        let mut next = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name != "before" {
                next.append_pair(&name, &value);
            }
        }
        next.append_pair("before", &last.to_string());
        let link = format!("<{}?{}>; rel=\"next\"", self.uri.path(), next.finish());
        Some((header::LINK, HeaderValue::try_from(link).ok()?))
    }
}

fn parse_before(text: &str) -> Result<Before> {
    // A plus sign in an unescaped time offset arrives as a space.
    let time = text.replace(' ', "+");
    text.parse()
        .map(Before::Id)
        .or_else(|_| time.parse().map(Before::Time))
        .map_err(|_| Error::invalid("before", "Give an id from this list, or a time like 2026-11-21T09:00:00Z."))
}
