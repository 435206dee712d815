//! Notes: documents of an editor's blocks, in a tree, whose check boxes are tasks.
//!
//! Whoever writes holds the owner's write lock (`Db::as_writer`), so that what is checked and compared here stays true
//! until it is written.

mod check_box;
mod content;
mod linked_tasks;
mod list;
mod save;
mod tree;

use base::db::Tx;
use base::params;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

pub use content::{BLOCK_LEVELS_MAX, BLOCK_NAME_CHARS_MAX, BLOCKS_MAX, CHECK_BOXES_MAX, CONTENT_BYTES_MAX, Content};
pub use linked_tasks::{follow_tasks, list_task_ids};
pub use list::{Filter, LISTED_CONTENT_BYTES_MAX, Parent, Summary, WORDS_CHARS_MAX, add_content, list};
pub use save::{Change, NewNote, create, update};
pub use tree::LEVELS_MAX;

/// A note of one user.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Note {
    /// Its id.
    pub id: Uuid,
    /// The note that it is below.
    pub parent_id: Option<Uuid>,
    /// What it is about, 1 to 500 characters.
    pub title: String,
    /// Its blocks in BlockNote's format: `{id, type, props, content, children}` each.
    #[schema(value_type = Vec<Object>)]
    pub content: Value,
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
    /// When it last changed. A task that ticks one of its boxes changes it.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

const COLUMNS: &str = "id, parent_id, title, content, is_pinned, is_archived, metadata, created_at, updated_at";

impl Note {
    fn from_row(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            parent_id: row.get("parent_id"),
            title: row.get("title"),
            content: row.get("content"),
            is_pinned: row.get("is_pinned"),
            is_archived: row.get("is_archived"),
            metadata: row.get("metadata"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// One note.
pub async fn find(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Option<Note>, Error> {
    let sql = format!("select {COLUMNS} from notes where user_id = $1 and id = $2");
    Ok(tx.query_opt(&sql, params![owner, id]).await?.as_ref().map(Note::from_row))
}

/// Whether there is such a note.
pub async fn exists(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<bool, Error> {
    let sql = "select from notes where user_id = $1 and id = $2";
    Ok(tx.query_opt(sql, params![owner, id]).await?.is_some())
}

/// Deletes a note and all notes below it. The tasks that came from their check boxes stay. False when there is none.
pub async fn delete(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<bool, Error> {
    // One statement for the whole tree, so that the change log has it as one change after another.
    let sql = "with recursive tree (id) as (
            select id from notes where user_id = $1 and id = $2
            union
            select n.id from notes n join tree t on n.parent_id = t.id where n.user_id = $1
        )
        delete from notes where user_id = $1 and id in (select id from tree)";
    Ok(tx.execute(sql, params![owner, id]).await? > 0)
}
