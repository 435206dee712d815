//! `GET /api/notes`: the user's notes, newest first.

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use base::auth::User;
use base::extract::{Json, Query};
use base::page::Page;
use base::{Db, Error, Result};
use domain::note::{self, Filter, Parent, Summary, WORDS_CHARS_MAX};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Only notes with these words in the title or the text, as one writes them into a search engine. The first
    /// 100,000 characters of a note are searched.
    #[param(max_length = 500)]
    q: Option<String>,
    /// Notes that are put away, instead of those that are not.
    #[serde(default)]
    #[param(default = false)]
    is_archived: bool,
    /// Only notes that are kept on top, or only the others.
    is_pinned: Option<bool>,
    /// Only notes directly below this one; `none` for those below no other.
    parent_id: Option<String>,
    /// Whether the notes come with their content. A page then ends before 4 MiB of it; `Link` names the next.
    #[serde(default)]
    #[param(default = false)]
    content: bool,
}

impl Parameters {
    fn filter(self) -> Result<Filter> {
        if self.q.as_ref().is_some_and(|words| words.chars().count() > WORDS_CHARS_MAX) {
            return Err(Error::invalid("q", "Give at most 500 characters."));
        }
        let parent = match self.parent_id.as_deref() {
            None => None,
            Some("none") => Some(Parent::None),
            Some(id) => {
                let id = id.parse().map_err(|_| Error::invalid("parent_id", "Give a note's id, or none."));
                Some(Parent::Note(id?))
            }
        };
        Ok(Filter { is_archived: Some(self.is_archived), is_pinned: self.is_pinned, parent, words: self.q })
    }
}

/// A page of the user's notes, newest first, with the beginning of their text. `Link` names the next page.
#[utoipa::path(
    get, path = "/api/notes", tag = "notes", params(base::page::Parameters, Parameters), security(("bearer" = [])),
    responses((status = 200, description = "The notes.", body = Vec<Summary>,
               headers(("link" = Option<String>, description = "The next page, with rel=\"next\"."))))
)]
pub(crate) async fn list_notes(
    user: User,
    State(db): State<Db>,
    mut page: Page,
    Query(parameters): Query<Parameters>,
) -> Result<Response> {
    let has_content = parameters.content;
    let filter = parameters.filter()?;
    let mut tx = db.as_user(user.id).await?;
    let mut notes = note::list(&mut tx, user.id, &page, &filter).await?;
    if has_content {
        let with_content = note::add_content(&mut tx, user.id, &mut notes).await?;
        page.limit = page.limit.min(i64::try_from(with_content).unwrap_or(i64::MAX));
    }
    tx.commit().await?;
    let next = page.cut(&mut notes, |note| note.id);
    Ok((AppendHeaders(next), Json(notes)).into_response())
}
