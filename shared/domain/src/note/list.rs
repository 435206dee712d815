//! Lists of notes, and searching them.

use std::collections::HashMap;

use base::db::Tx;
use base::page::Page;
use base::params;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

/// The most content of a whole list, in bytes of JSON as the database writes it. The first note is there whatever its size.
pub const LISTED_CONTENT_BYTES_MAX: i64 = 4 * 1024 * 1024;
/// The longest words to search for, in characters.
pub const WORDS_CHARS_MAX: usize = 500;

/// A note in a list: the beginning of its text stands for the content.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = NoteSummary)]
pub struct Summary {
    /// Its id.
    pub id: Uuid,
    /// The note that it is below.
    pub parent_id: Option<Uuid>,
    /// What it is about.
    pub title: String,
    /// The beginning of its text, up to 200 characters; blocks and cells of tables are lines.
    pub excerpt: String,
    /// Its blocks, when they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub content: Option<Value>,
    /// Whether it is kept on top.
    pub is_pinned: bool,
    /// Whether it is put away.
    pub is_archived: bool,
    /// Whatever clients keep with it: a JSON object.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl Summary {
    fn from_row(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            parent_id: row.get("parent_id"),
            title: row.get("title"),
            excerpt: row.get("excerpt"),
            content: None,
            is_pinned: row.get("is_pinned"),
            is_archived: row.get("is_archived"),
            metadata: row.get("metadata"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// Where in the tree notes are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// Below no other note.
    None,
    /// Directly below this one.
    Note(Uuid),
}

/// Which notes are wanted; what is absent is not asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those that are put away, or those that are not.
    pub is_archived: Option<bool>,
    /// Those that are kept on top, or those that are not.
    pub is_pinned: Option<bool>,
    /// Those in this place of the tree.
    pub parent: Option<Parent>,
    /// Those that have all of these words in the title or the text, up to [`WORDS_CHARS_MAX`] characters.
    pub words: Option<String>,
}

/// A page of notes, newest first, as the user who acts: a job sees none by words.
pub async fn list(tx: &mut Tx, owner: Uuid, page: &Page, filter: &Filter) -> Result<Vec<Summary>, Error> {
    // Searching is the database's function, as row-level security keeps the index of words from being used; what it
    // finds is read under row-level security like everything else.
    let which = if filter.words.is_some() {
        "id = any (array(select s.id from search_notes($8, $2, $3, $4, $5, $6, $7, $9) s))"
    } else {
        "($2::timestamptz is null or created_at < $2)
         and ($3::uuid is null
              or (created_at, id) < (select created_at, id from notes where user_id = $1 and id = $3))
         and ($4::bool is null or is_archived = $4)
         and ($5::bool is null or is_pinned = $5)
         and ($6::uuid is null or parent_id = $6)
         and (not $7::bool or parent_id is null)
         and $8::text is null"
    };
    let sql = format!(
        "select id, parent_id, title, excerpt, is_pinned, is_archived, metadata, created_at, updated_at
         from notes where user_id = $1 and {which}
         order by created_at desc, id desc limit $9"
    );
    let parent = if let Some(Parent::Note(id)) = filter.parent { Some(id) } else { None };
    // A NUL is in no text, so it only parts words.
    let words = filter.words.as_deref().map(|words| words.replace('\0', " "));
    let rows = tx
        .query(
            &sql,
            params![
                owner,
                page.before_time(),
                page.before_id(),
                filter.is_archived,
                filter.is_pinned,
                parent,
                filter.parent == Some(Parent::None),
                words,
                page.fetch()
            ],
        )
        .await?;
    Ok(rows.iter().map(Summary::from_row).collect())
}

/// Adds the content to listed notes, and returns how many of them, from the first on, have it: as many as
/// [`LISTED_CONTENT_BYTES_MAX`] lets in.
pub async fn add_content(tx: &mut Tx, owner: Uuid, notes: &mut [Summary]) -> Result<usize, Error> {
    let ids: Vec<Uuid> = notes.iter().map(|note| note.id).collect();
    let rows = tx
        .query(
            "select id, content from (
                 select n.id, n.content, l.place, sum(n.content_bytes) over (order by l.place) as bytes
                 from unnest($2) with ordinality as l (id, place)
                 join notes n on n.user_id = $1 and n.id = l.id) listed
             where place = 1 or bytes <= $3",
            params![owner, ids, LISTED_CONTENT_BYTES_MAX],
        )
        .await?;
    let mut contents: HashMap<Uuid, Value> = rows.iter().map(|row| (row.get("id"), row.get("content"))).collect();
    for note in notes.iter_mut() {
        note.content = contents.remove(&note.id);
    }
    Ok(notes.iter().take_while(|note| note.content.is_some()).count())
}
