//! `GET /api/conversations/{id}/export?format=json`: a conversation as a file, whole as JSON or its current branch
//! as Markdown.

use std::collections::VecDeque;
use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::auth::User;
use base::extract::{Path, Query};
use base::{Db, Error, Result};
use domain::conversation::{self, Conversation};
use domain::message::{self, Message, Outline};
use futures_util::StreamExt;
use futures_util::stream::{iter, unfold};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{import, markdown};

/// How many messages are read at once, which bounds the memory that an export takes.
const BATCH_LEN: usize = 32;
/// The longest branch that Markdown has, in messages.
const MARKDOWN_LEN_MAX: i64 = 10_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// `json` (the default) has all branches and can be imported again; `markdown` has the current branch, to read.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Markdown,
}

/// A conversation as a file to keep.
///
/// The answer is streamed. One that breaks off is cut: as JSON it is not valid then.
#[utoipa::path(
    get, path = "/api/conversations/{id}/export", tag = "conversations", security(("bearer" = [])),
    params(("id" = String, Path, description = "The conversation's id, also as a client made it up."), Parameters),
    responses((status = 200, description = "The file.", headers(("content-disposition" = String,
               description = "`attachment`, with a name from the title.")),
               content((Object = "application/json"), (String = "text/markdown"))))
)]
pub(crate) async fn export_conversation(
    user: User,
    State(db): State<Db>,
    Path(name): Path<String>,
    Query(Parameters { format }): Query<Parameters>,
) -> Result<Response> {
    let id = conversation::id_of_client_name(user.id, &name);
    let mut tx = db.as_user(user.id).await?;
    let found = conversation::find(&mut tx, user.id, id).await?;
    let found = found.ok_or_else(|| Error::not_found("conversation"))?;
    let outline = match (format, found.head_id) {
        (Format::Json, _) => message::outline_conversation(&mut tx, user.id, id).await?,
        (Format::Markdown, Some(head)) => message::outline_branch(&mut tx, user.id, head, MARKDOWN_LEN_MAX).await?,
        (Format::Markdown, None) => Outline::default(),
    };
    tx.commit().await?;
    let (content_type, ending) = match format {
        Format::Json => ("application/json", "json"),
        Format::Markdown => ("text/markdown; charset=utf-8", "md"),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_DISPOSITION, disposition(&found.title, ending)),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    let pieces = Pieces { db, owner: user.id, format, rest: outline.ids.into(), is_first: true };
    Ok((headers, file(pieces, &found)?).into_response())
}

/// What of the file is still to be sent.
struct Pieces {
    db: Db,
    owner: Uuid,
    format: Format,
    rest: VecDeque<Uuid>,
    is_first: bool,
}

/// The file, of which only a few messages are in memory at a time.
fn file(pieces: Pieces, conversation: &Conversation) -> Result<Body> {
    let (head, tail) = match pieces.format {
        Format::Json => (json_head(conversation)?, "\n]}\n"),
        Format::Markdown => (markdown::head(conversation), ""),
    };
    let middle = unfold(pieces, async |mut pieces| Some((pieces.next().await.transpose()?, pieces)));
    let one = |text: String| iter([Ok::<_, Error>(text)]);
    Ok(Body::from_stream(one(head).chain(middle).chain(one(tail.to_owned()))))
}

/// The file up to its messages.
fn json_head(conversation: &Conversation) -> Result<String> {
    let conversation = serde_json::to_string(conversation).map_err(Error::internal)?;
    let (format, version) = (import::own::FORMAT, import::own::VERSION);
    Ok(format!(r#"{{"format":"{format}","version":{version},"conversation":{conversation},"messages":["#))
}

impl Pieces {
    async fn next(&mut self) -> Result<Option<String>> {
        let batch: Vec<Uuid> = self.rest.drain(..self.rest.len().min(BATCH_LEN)).collect();
        if batch.is_empty() {
            return Ok(None);
        }
        let messages = message::find_all(self.db.as_user(self.owner).await?, self.owner, &batch).await?;
        messages.iter().map(|message| self.piece(message)).collect::<Result<String>>().map(Some)
    }

    fn piece(&mut self, message: &Message) -> Result<String> {
        if self.format == Format::Markdown {
            return Ok(markdown::message(message));
        }
        let separator = if std::mem::take(&mut self.is_first) { "\n" } else { ",\n" };
        Ok(format!("{separator}{}", serde_json::to_string(message).map_err(Error::internal)?))
    }
}

/// The file's name from the title: plain ASCII for all, and as it is for those who know RFC 8187.
fn disposition(title: &str, ending: &str) -> HeaderValue {
    let plain: String = title.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let plain = if words.is_empty() { "conversation".to_owned() } else { words.join("-") };
    let mut whole = String::new();
    for byte in title.replace(['/', '\\'], "-").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => whole.push(char::from(byte)),
            _ => write!(whole, "%{byte:02X}").expect("a string takes all"),
        }
    }
    let value = format!("attachment; filename=\"{plain}.{ending}\"; filename*=UTF-8''{whole}.{ending}");
    HeaderValue::try_from(value).expect("both names are plain ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(title: &str, expected: &str) {
        assert_eq!(disposition(title, "md"), expected);
    }

    #[test]
    fn files_have_names_that_any_system_takes() {
        check("Plan my week", "attachment; filename=\"Plan-my-week.md\"; filename*=UTF-8''Plan%20my%20week.md");
        check("字", "attachment; filename=\"conversation.md\"; filename*=UTF-8''%E5%AD%97.md");
        check("../a\"b", "attachment; filename=\"a-b.md\"; filename*=UTF-8''..-a%22b.md");
    }
}
