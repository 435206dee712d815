//! Lists of tasks: what is kept, in which order, and where a page begins.
//!
//! The statement has a condition only for what is asked for, and each order has the id behind its key, so that rows
//! with equal keys have their places too.

use base::db::Tx;
use base::page::Page;
use jiff::civil::Date;
use serde::Deserialize;
use uuid::Uuid;

use super::statement::Statement;
use super::{COLUMNS, Source, Status, Task};
use crate::field::Priority;
use crate::period::Day;

/// Which tasks are wanted, and in which order. The default is all but the archived ones, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Tasks in one of these; empty means in all but archived.
    pub statuses: Vec<Status>,
    /// Tasks of one of these; empty means of any.
    pub priorities: Vec<Priority>,
    /// Tasks due on this day or later.
    pub due_from: Option<Day>,
    /// Tasks due on this day or earlier.
    pub due_to: Option<Day>,
    /// Tasks for this goal.
    pub goal_id: Option<Uuid>,
    /// Tasks with this parent, or with none.
    pub parent: Option<Parent>,
    /// Tasks with all of these tags.
    pub tags: Vec<String>,
    /// Tasks from this source.
    pub source: Option<Source>,
    /// Tasks with these words, as web searches are written, in title, description or tags.
    pub words: Option<String>,
    /// The order.
    pub sort: Sort,
}

/// Which parent a task has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Parent {
    /// None: the uppermost tasks.
    None,
    /// This one.
    Task(Uuid),
}

impl TryFrom<String> for Parent {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "none" => Ok(Self::None),
            id => id.parse().map(Self::Task).map_err(|_| "not an id or `none`"),
        }
    }
}

/// An order: a key and, for equal keys, the id, both in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Sort {
    /// What is compared first.
    pub key: Key,
    /// Greatest first.
    pub is_descending: bool,
}

/// What an order compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// When the task was made.
    CreatedAt,
    /// When it last changed.
    UpdatedAt,
    /// When it is due; in both directions what has no date comes last.
    Due,
    /// How much it matters.
    Priority,
    /// The title, without regard to case.
    Title,
}

impl Default for Sort {
    fn default() -> Self {
        Self { key: Key::CreatedAt, is_descending: true }
    }
}

impl TryFrom<String> for Sort {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = text.strip_prefix('-');
        let key = match name.unwrap_or(&text) {
            "created_at" => Key::CreatedAt,
            "updated_at" => Key::UpdatedAt,
            "due" => Key::Due,
            "priority" => Key::Priority,
            "title" => Key::Title,
            _ => return Err("not one of created_at, updated_at, due, priority and title, or one of them after a `-`"),
        };
        Ok(Self { key, is_descending: name.is_some() })
    }
}

/// The database's form of [`Filter::default`]'s statuses.
const NOT_ARCHIVED: &str = " and status <> 'archived'";

impl Sort {
    /// What is compared, but for the id.
    fn keys(self) -> &'static str {
        match (self.key, self.is_descending) {
            (Key::CreatedAt, _) => "created_at",
            (Key::UpdatedAt, _) => "updated_at",
            (Key::Due, false) => "due_order",
            (Key::Due, true) => "due_order < 'infinity', due_order",
            (Key::Priority, _) => "array_position('{low,medium,high,urgent}', priority)",
            (Key::Title, _) => "lower(title)",
        }
    }

    /// The same for `order by`.
    fn order(self) -> &'static str {
        match (self.key, self.is_descending) {
            (Key::CreatedAt, false) => " order by created_at, id",
            (Key::CreatedAt, true) => " order by created_at desc, id desc",
            (Key::UpdatedAt, false) => " order by updated_at, id",
            (Key::UpdatedAt, true) => " order by updated_at desc, id desc",
            (Key::Due, false) => " order by due_order, id",
            (Key::Due, true) => " order by due_order < 'infinity' desc, due_order desc, id desc",
            (Key::Priority, false) => " order by array_position('{low,medium,high,urgent}', priority), id",
            (Key::Priority, true) => " order by array_position('{low,medium,high,urgent}', priority) desc, id desc",
            (Key::Title, false) => " order by lower(title), id",
            (Key::Title, true) => " order by lower(title) desc, id desc",
        }
    }
}

/// A page of tasks: those that follow the row that the page names. Nothing follows a row that is not there.
pub async fn list(tx: Tx, owner: Uuid, page: &Page, filter: &Filter) -> Result<Vec<Task>, tokio_postgres::Error> {
    let words = crate::message::searchable(filter.words.as_deref());
    let (before_id, before_time, fetch) = (page.before_id(), page.before_time(), page.fetch());
    let parent = filter.parent.and_then(|parent| if let Parent::Task(id) = parent { Some(id) } else { None });

    let mut select = Statement::new(&format!("select {COLUMNS} from tasks where user_id = "), &owner);
    push_names(&mut select, "status", filter.statuses.iter().map(|status| status.name()), NOT_ARCHIVED);
    push_names(&mut select, "priority", filter.priorities.iter().map(|priority| priority.name()), "");
    let (from, to) = (filter.due_from.map(Day::date), filter.due_to.map(Day::date));
    push_due(&mut select, from.as_ref(), to.as_ref());
    select.bind_some(" and goal_id = ", filter.goal_id.as_ref());
    select.bind_some(" and parent_id = ", parent.as_ref());
    if filter.parent == Some(Parent::None) {
        select.push(" and parent_id is null");
    }
    if !filter.tags.is_empty() {
        select.bind(" and tags ?& ", &filter.tags);
    }
    push_names(&mut select, "source", filter.source.iter().map(|source| source.name()), "");
    if let Some(words) = &words {
        select.bind(" and search @@ websearch_to_tsquery('simple', ", words);
        select.push(")");
    }
    let (keys, order) = (filter.sort.keys(), filter.sort.order());
    let follows = if filter.sort.is_descending { "<" } else { ">" };
    if let Some(id) = &before_id {
        select.push(&format!(" and ({keys}, id) {follows} (select {keys}, id from tasks where user_id = $1"));
        select.bind(" and id = ", id);
        select.push(")");
    }
    select.bind_some(&format!(" and created_at {follows} "), before_time.as_ref());
    select.push(order);
    select.bind(" limit ", &fetch);
    let (sql, params) = select.parts();
    let rows = tx.query_and_commit(sql, params).await?;
    Ok(rows.iter().map(Task::from_row).collect())
}

/// Keeps the rows whose column has one of these names of ours, or that meet `otherwise` when there are none. They are
/// written out, so that an index of only some rows can be seen to have them all.
fn push_names(
    select: &mut Statement<'_>,
    column: &str,
    names: impl Iterator<Item = &'static str>,
    otherwise: &'static str,
) {
    let names = names.map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        select.push(otherwise);
    } else {
        select.push(&format!(" and {column} in ({names})"));
    }
}

/// Keeps what is due between two days, by the column that has an index.
fn push_due<'a>(select: &mut Statement<'a>, from: Option<&'a Date>, to: Option<&'a Date>) {
    if let Some(from) = from {
        select.bind(" and due_order >= ", from);
        select.push("::timestamp and due_order < 'infinity'");
    }
    if let Some(to) = to {
        select.bind(" and due_order < (", to);
        select.push(" + 1)::timestamp");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(Key, bool)>) {
        let sort = Sort::try_from(text.to_owned()).ok().map(|sort| (sort.key, sort.is_descending));
        assert_eq!(sort, expected, "{text}");
    }

    #[test]
    fn orders_are_named() {
        check("created_at", Some((Key::CreatedAt, false)));
        check("-due", Some((Key::Due, true)));
        check("-priority", Some((Key::Priority, true)));
        for text in ["", "-", "--due", "due_date", "id", "title desc"] {
            check(text, None);
        }
    }
}
