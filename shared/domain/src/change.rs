//! The change log: what happened to a user's things, in the order in which it was committed.
//!
//! Triggers write it (`migrations/20261121000300_changes.sql`); here it is read, and undone.

mod undo;

use base::db::Tx;
use base::params;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_postgres::types::Json;
use tokio_postgres::{Error, Row};
use utoipa::ToSchema;
use uuid::Uuid;

pub use undo::{Restored, Undone, undo};

/// A kind of thing that the log follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entity {
    /// Its name in the log.
    pub name: &'static str,
    /// The table that holds it.
    pub table: &'static str,
}

/// Every kind of thing that the log follows, each after those it refers to.
pub const ENTITIES: [Entity; 11] = [
    Entity { name: "user", table: "users" },
    Entity { name: "conversation", table: "conversations" },
    Entity { name: "message", table: "messages" },
    Entity { name: "conversation_share", table: "conversation_shares" },
    Entity { name: "goal", table: "goals" },
    Entity { name: "reflection", table: "reflections" },
    Entity { name: "task", table: "tasks" },
    Entity { name: "recurrence", table: "recurrences" },
    Entity { name: "occurrence", table: "occurrences" },
    Entity { name: "note", table: "notes" },
    Entity { name: "consent", table: "consents" },
];

impl Entity {
    /// The entity with this name.
    pub fn of_name(name: &str) -> Option<&'static Self> {
        ENTITIES.iter().find(|entity| entity.name == name)
    }
}

/// One change of one thing. Its images are passed on as the database writes them, unread.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Change {
    /// Its number: from 1, without gaps, greater for what was committed later.
    pub seq: i64,
    /// What kind of thing it is, such as `task`.
    pub entity: String,
    /// Which one.
    pub entity_id: Uuid,
    /// `insert`, `update` or `delete`.
    pub operation: String,
    /// The thing before; null for an insert.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Box<RawValue>>,
    /// The thing after; null for a delete.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Box<RawValue>>,
    /// Who did it: `user`, `assistant`, `google`, `stripe` or `job`.
    pub actor: String,
    /// The action it was part of, which can be undone as a whole.
    pub action_group: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

const COLUMNS: &str = "seq, entity, entity_id, operation, before, after, actor, action_group, changed_at";

impl Change {
    fn from_row(row: &Row) -> Self {
        let image = |name| row.get::<_, Option<Json<Box<RawValue>>>>(name).map(|Json(image)| image);
        Self {
            seq: row.get("seq"),
            entity: row.get("entity"),
            entity_id: row.get("entity_id"),
            operation: row.get("operation"),
            before: image("before"),
            after: image("after"),
            actor: row.get("actor"),
            action_group: row.get("action_group"),
            changed_at: row.get("changed_at"),
        }
    }
}

/// The changes that follow number `after`, oldest first, `limit` of them.
pub async fn list(tx: Tx, owner: Uuid, after: i64, limit: i64) -> Result<Vec<Change>, Error> {
    let sql = format!("select {COLUMNS} from changes where user_id = $1 and seq > $2 order by seq limit $3");
    let rows = tx.query_and_commit(&sql, params![owner, after, limit]).await?;
    Ok(rows.iter().map(Change::from_row).collect())
}
