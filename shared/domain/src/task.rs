//! Tasks: what is to be done, with subtasks below them.
//!
//! Whoever writes holds the owner's write lock (`Db::as_writer`), so that what is checked here stays true until it
//! is written. Every change of a task that is there goes through [`update`].

mod change;
mod create;
mod due;
mod list;
mod origin;
mod statement;
mod status;
mod tree;

use base::db::Tx;
use base::{Error, params};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::error::DbError;
use utoipa::ToSchema;
use uuid::Uuid;

pub use change::{Change, set_status, update};
pub use create::{ESTIMATE_MINUTES_MAX, EstimateMinutes, NewTask, create};
pub use due::DueTime;
pub use list::{Filter, Key, Parent, Sort, list};
pub use origin::{SOURCE_REFERENCE_CHARS_MAX, Source, SourceReference};
pub use status::Status;
pub use tree::{DEPTH_MAX, Node, TREE_NODES_MAX, Tree, find_tree, list_open_below};

use crate::field::Priority;
use crate::period::Day;

/// A task of one user.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Task {
    /// Its id.
    pub id: Uuid,
    /// What is to be done.
    pub title: String,
    /// More about it.
    pub description: Option<String>,
    /// How far it is.
    pub status: Status,
    /// How much it matters.
    pub priority: Priority,
    /// The day it is due, by the user's calendar.
    pub due_date: Option<Day>,
    /// The time of that day, by the user's clock. Without one it is due at the end of the day.
    pub due_time: Option<DueTime>,
    /// How long it should take, in minutes.
    pub estimate_minutes: Option<i32>,
    /// The task it is a part of.
    pub parent_id: Option<Uuid>,
    /// The goal it serves.
    pub goal_id: Option<Uuid>,
    /// Who or what made it.
    pub source: Source,
    /// What it was made from, in the words of the source. Of a note's check box: `<note id>#<block id>`.
    pub source_reference: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whatever clients keep with it: a JSON object.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// When it was done. There exactly while it is.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

const COLUMNS: &str = "id, title, description, status, priority, due_date, due_time, estimate_minutes, parent_id, \
    goal_id, source, source_reference, tags, metadata, completed_at, created_at, updated_at";

impl Task {
    fn from_row(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            title: row.get("title"),
            description: row.get("description"),
            status: Status::from_name(row.get("status")),
            priority: Priority::from_name(row.get("priority")),
            due_date: row.get::<_, Option<_>>("due_date").map(Day::kept),
            due_time: row.get::<_, Option<_>>("due_time").map(DueTime::from_row),
            estimate_minutes: row.get("estimate_minutes"),
            parent_id: row.get("parent_id"),
            goal_id: row.get("goal_id"),
            source: Source::from_name(row.get("source")),
            source_reference: row.get("source_reference"),
            tags: strings_of(row.get("tags")),
            metadata: row.get("metadata"),
            completed_at: row.get("completed_at"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

fn strings_of(value: Value) -> Vec<String> {
    let Value::Array(items) = value else { return Vec::new() };
    let texts = items.into_iter().filter_map(|item| if let Value::String(text) = item { Some(text) } else { None });
    texts.collect()
}

fn find_one() -> String {
    format!("select {COLUMNS} from tasks where user_id = $1 and id = $2")
}

/// One task.
pub async fn find(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Option<Task>, tokio_postgres::Error> {
    Ok(tx.query_opt(&find_one(), params![owner, id]).await?.as_ref().map(Task::from_row))
}

/// The same as the only statement of a transaction.
pub async fn read(tx: Tx, owner: Uuid, id: Uuid) -> Result<Option<Task>, tokio_postgres::Error> {
    let rows = tx.query_and_commit(&find_one(), params![owner, id]).await?;
    Ok(rows.first().map(Task::from_row))
}

/// Several tasks in no certain order. Ids of none are left out.
pub async fn find_many(tx: &mut Tx, owner: Uuid, ids: &[Uuid]) -> Result<Vec<Task>, tokio_postgres::Error> {
    let sql = format!("select {COLUMNS} from tasks where user_id = $1 and id = any($2)");
    Ok(tx.query(&sql, params![owner, ids.to_vec()]).await?.iter().map(Task::from_row).collect())
}

/// The tasks that stand for check boxes of a note, in no certain order.
pub async fn list_of_note(tx: &mut Tx, owner: Uuid, note: Uuid) -> Result<Vec<Task>, tokio_postgres::Error> {
    // `like` would not use the index under row-level security. The character after `#` is `$`.
    let sql = format!(
        "select {COLUMNS} from tasks
         where user_id = $1 and source_reference ~>=~ $2 and source_reference ~<~ $3 and source = 'note'"
    );
    let (from, to) = (format!("{note}#"), format!("{note}$"));
    Ok(tx.query(&sql, params![owner, from, to]).await?.iter().map(Task::from_row).collect())
}

/// Deletes a task and everything below it. False when there is none.
pub async fn delete(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<bool, tokio_postgres::Error> {
    let deleted = tx.execute("delete from tasks where user_id = $1 and id = $2", params![owner, id]).await?;
    Ok(deleted > 0)
}

/// What a client did wrong when the database refused a row. `at` is the pointer to the task's fields.
fn refused(error: tokio_postgres::Error, at: &str) -> Error {
    let constraint = error.as_db_error().and_then(DbError::constraint).unwrap_or_default();
    let refusal = match constraint {
        "tasks_goal_fkey" => Error::invalid(format!("{at}/goal_id"), "There is no such goal."),
        "tasks_parent_fkey" => Error::invalid(format!("{at}/parent_id"), "There is no such task."),
        "tasks_note_block" => {
            Error::conflict("source_reference_taken", "Another task stands for this check box already.")
        }
        _ => return error.into(),
    };
    refusal.with_source(error)
}
