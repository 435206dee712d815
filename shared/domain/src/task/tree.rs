//! Tasks below tasks.

use std::collections::HashMap;

use base::db::Tx;
use base::{Error, Result, params};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{COLUMNS, Task};

/// How many levels of tasks there may be, the uppermost included.
pub const DEPTH_MAX: i32 = 32;
/// The most tasks that a tree shows.
pub const TREE_NODES_MAX: i64 = 1_000;

/// A task with what is below it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = TaskNode)]
pub struct Node {
    /// The task itself.
    #[serde(flatten)]
    pub task: Task,
    /// Its subtasks, the oldest first, each with what is below it.
    #[schema(no_recursion)]
    pub subtasks: Vec<Node>,
}

/// A task with everything below it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = TaskTree)]
pub struct Tree {
    /// The task asked for.
    pub root: Node,
    /// Whether there are more than [`TREE_NODES_MAX`] tasks. The lowest levels are then left out, not those above.
    pub is_cut: bool,
}

/// A task with everything below it, if there is such a task.
pub async fn find_tree(tx: Tx, owner: Uuid, id: Uuid) -> Result<Option<Tree>, tokio_postgres::Error> {
    let sql = format!(
        "with recursive below (id, depth) as (
             select t.id, 1 from tasks t where t.user_id = $1 and t.id = $2
             union all
             select t.id, b.depth + 1 from tasks t join below b on t.parent_id = b.id
             where t.user_id = $1 and b.depth <= $3
         )
         select {COLUMNS} from below join tasks using (id) where user_id = $1
         order by depth, created_at, id limit $4"
    );
    let rows = tx.query_and_commit(&sql, params![owner, id, DEPTH_MAX, TREE_NODES_MAX + 1]).await?;
    let shown = usize::try_from(TREE_NODES_MAX).unwrap_or(usize::MAX);
    let is_cut = rows.len() > shown;
    Ok(assemble(rows.iter().take(shown).map(Task::from_row)).map(|root| Tree { root, is_cut }))
}

/// Puts each task under its parent. Parents come before their children, so that from the end on every task is whole
/// when its parent takes it.
fn assemble(tasks: impl Iterator<Item = Task>) -> Option<Node> {
    let tasks: Vec<Task> = tasks.collect();
    let root_id = tasks.first()?.id;
    let mut waiting: HashMap<Uuid, Vec<Node>> = HashMap::new();
    for task in tasks.into_iter().rev() {
        let mut subtasks = waiting.remove(&task.id).unwrap_or_default();
        subtasks.reverse();
        let (is_root, parent) = (task.id == root_id, task.parent_id);
        let node = Node { task, subtasks };
        if is_root {
            return Some(node);
        }
        waiting.entry(parent?).or_default().push(node);
    }
    None
}

/// The open tasks below these.
pub async fn list_open_below(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Vec<Task>, tokio_postgres::Error> {
    let sql = format!(
        "with recursive below (id) as (
             select t.id from tasks t where t.user_id = $1 and t.parent_id = $2
             union
             select t.id from tasks t join below b on t.parent_id = b.id where t.user_id = $1
         )
         select {COLUMNS} from below join tasks using (id)
         where user_id = $1 and status in ('pending', 'in_progress')"
    );
    Ok(tx.query(&sql, params![owner, id]).await?.iter().map(Task::from_row).collect())
}

/// Refuses a parent that is not there, that is one of the moved tasks or below one, or that lies so deep that the
/// moved ones with all that is below them would not fit. `moved` is empty for a task that is only being made.
pub(super) async fn check_place(tx: &mut Tx, owner: Uuid, moved: &[Uuid], parent: Uuid, pointer: &str) -> Result<()> {
    let line = line_above(tx, owner, parent).await?;
    if line.is_empty() {
        return Err(Error::invalid(pointer, "There is no such task."));
    }
    if let Some(task) = moved.iter().find(|task| line.contains(task)) {
        let detail = format!("The task {task} cannot be a part of {parent}, which is the same or a part of it.");
        return Err(Error::conflict("cycle", detail).with_field(pointer, "This is the task itself or below it."));
    }
    let height = if moved.is_empty() { 1 } else { height_of(tx, owner, moved).await? };
    let depth = i32::try_from(line.len()).unwrap_or(i32::MAX);
    if depth.saturating_add(height) > DEPTH_MAX {
        let detail = format!("Tasks can be {DEPTH_MAX} levels deep; this would be {}.", depth.saturating_add(height));
        return Err(Error::conflict("too_deep", detail).with_field(pointer, "This lies too deep."));
    }
    Ok(())
}

/// A task and those above it, up to the uppermost.
async fn line_above(tx: &mut Tx, owner: Uuid, id: Uuid) -> Result<Vec<Uuid>, tokio_postgres::Error> {
    let sql = "with recursive line (id, parent_id) as (
            select t.id, t.parent_id from tasks t where t.user_id = $1 and t.id = $2
            union
            select t.id, t.parent_id from tasks t join line l on t.id = l.parent_id where t.user_id = $1
        )
        select id from line";
    Ok(tx.query(sql, params![owner, id]).await?.iter().map(|row| row.get("id")).collect())
}

/// How many levels the tasks and what is below them make.
async fn height_of(tx: &mut Tx, owner: Uuid, ids: &[Uuid]) -> Result<i32, tokio_postgres::Error> {
    let sql = "with recursive below (id, depth) as (
            select t.id, 1 from tasks t where t.user_id = $1 and t.id = any($2)
            union
            select t.id, b.depth + 1 from tasks t join below b on t.parent_id = b.id
            where t.user_id = $1 and b.depth <= $3
        )
        select coalesce(max(depth), 0) from below";
    Ok(tx.query_one(sql, params![owner, ids.to_vec(), DEPTH_MAX]).await?.get(0))
}
