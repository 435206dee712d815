//! Making and changing notes, and with them the tasks of their check boxes.

use base::db::Tx;
use base::{Clock, Error, Result, params};
use serde_json::Value;
use uuid::Uuid;

use super::linked_tasks::Plan;
use super::{COLUMNS, Content, Note, find, tree};
use crate::field::{Metadata, Title};
use crate::task;

/// A note to be made.
#[derive(Debug, Clone)]
pub struct NewNote {
    /// What it is about.
    pub title: Title,
    /// Its blocks.
    pub content: Content,
    /// The note that it goes below.
    pub parent_id: Option<Uuid>,
    /// Whether it is kept on top.
    pub is_pinned: bool,
    /// Whether it is put away.
    pub is_archived: bool,
    /// Whatever clients keep with it.
    pub metadata: Metadata,
}

/// What becomes of a note: what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What it is about.
    pub title: Option<Title>,
    /// All its blocks.
    pub content: Option<Content>,
    /// The note that it goes below, or none.
    pub parent_id: Option<Option<Uuid>>,
    /// Whether it is kept on top.
    pub is_pinned: Option<bool>,
    /// Whether it is put away.
    pub is_archived: Option<bool>,
    /// Whatever clients keep with it.
    pub metadata: Option<Metadata>,
}

/// Makes a note with this id, and a task for each of its check boxes that has text.
///
/// # Errors
///
/// 409 `id_taken` or `too_deep`; 422 for a parent that is not there.
pub async fn create(tx: &mut Tx, owner: Uuid, id: Uuid, new: NewNote, clock: &Clock) -> Result<Note> {
    if let Some(parent) = new.parent_id {
        tree::check_place(tx, owner, None, parent).await?;
    }
    let now = clock.now();
    let mut content = new.content.into_value();
    // Tasks of a deleted note with this id may be there still.
    let tasks = task::list_of_note(tx, owner, id).await?;
    let plan = Plan::of_save(id, &Value::Null, &mut content, tasks);
    let sql = format!(
        "insert into notes (user_id, id, title, content, parent_id, is_pinned, is_archived, metadata, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
         on conflict (id) do nothing returning {COLUMNS}"
    );
    let (title, metadata) = (new.title.as_str(), new.metadata.into_value());
    let values = params![owner, id, title, content, new.parent_id, new.is_pinned, new.is_archived, metadata, now];
    let created = tx.query_opt(&sql, values).await?;
    let created = created.ok_or_else(|| Error::conflict("id_taken", "There is something with this id already."))?;
    carry_out(tx, owner, Note::from_row(&created), plan, clock).await
}

/// Changes a note, as it now is in `current`, and the tasks of the check boxes that differ. A note that is so already
/// is not touched.
///
/// # Errors
///
/// 409 `cycle` or `too_deep`; 422 for a parent that is not there.
pub async fn update(tx: &mut Tx, owner: Uuid, current: Note, change: Change, clock: &Clock) -> Result<Note> {
    let mut after = current.clone();
    if let Some(title) = &change.title {
        title.as_str().clone_into(&mut after.title);
    }
    after.parent_id = change.parent_id.unwrap_or(current.parent_id);
    after.is_pinned = change.is_pinned.unwrap_or(current.is_pinned);
    after.is_archived = change.is_archived.unwrap_or(current.is_archived);
    after.metadata = change.metadata.map_or(after.metadata, Metadata::into_value);
    if let Some(parent) = after.parent_id.filter(|_| after.parent_id != current.parent_id) {
        tree::check_place(tx, owner, Some(current.id), parent).await?;
    }
    let mut plan = Plan::default();
    if let Some(content) = change.content {
        after.content = content.into_value();
        let tasks = task::list_of_note(tx, owner, current.id).await?;
        plan = Plan::of_save(current.id, &current.content, &mut after.content, tasks);
    }
    if after == current {
        return Ok(current);
    }
    let sql = format!(
        "update notes set title = $3, content = $4, parent_id = $5, is_pinned = $6, is_archived = $7, metadata = $8,
             updated_at = $9
         where user_id = $1 and id = $2 returning {COLUMNS}"
    );
    let now = clock.now();
    let Note { id, parent_id, title, content, is_pinned, is_archived, metadata, .. } = after;
    let values = params![owner, id, title, content, parent_id, is_pinned, is_archived, metadata, now];
    let written = tx.query_one(&sql, values).await?;
    carry_out(tx, owner, Note::from_row(&written), plan, clock).await
}

/// Brings the tasks to what the saved note says, and returns the note as it is then.
async fn carry_out(tx: &mut Tx, owner: Uuid, saved: Note, plan: Plan, clock: &Clock) -> Result<Note> {
    if plan.is_empty() {
        return Ok(saved);
    }
    plan.carry_out(tx, owner, clock, clock.now()).await?;
    // A task may have its own mind: one that recurs is open again once it is done, and its box with it.
    Ok(find(tx, owner, saved.id).await?.unwrap_or(saved))
}
