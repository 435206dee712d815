//! Undoing an action: its changes are taken back in reverse order, and the outcome is compared with what was before.
//!
//! Nothing that was done since is lost: a thing that was changed afterwards by another action, or that would go or
//! change along with what is taken back, is a conflict, and then nothing changes at all.

use std::collections::{BTreeMap, BTreeSet};

use base::db::Tx;
use base::{Error, Result, params};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Entity;

/// The most changes that are undone at once.
const CHANGES_MAX: usize = 5_000;
/// How many things a conflict names.
const NAMED_MAX: usize = 20;

/// What undoing an action did. It is an action itself, so it can be undone in turn.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Undone {
    /// What is as it was before the action.
    pub restored: Vec<Restored>,
}

/// A thing that is as it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Restored {
    /// What kind of thing it is, such as `task`.
    pub entity: String,
    /// Which one.
    pub entity_id: Uuid,
    /// Whether it is there (again), or gone because the action had made it.
    pub exists: bool,
}

/// A thing: its kind and its id.
type Thing = (String, Uuid);

/// One change of an action, with its images to be read.
struct Step {
    entity: String,
    entity_id: Uuid,
    before: Option<Value>,
    after: Option<Value>,
}

/// Restores what was before an action, in a writer's transaction that has not written anything yet. None when
/// there is no such action.
///
/// # Errors
///
/// 409 `changed_since` names what other actions changed afterwards, or what would change besides; 409
/// `not_undoable` when the action made the user; 422 for an action with more than 5,000 changes.
pub async fn undo(tx: &mut Tx, owner: Uuid, group: Uuid) -> Result<Option<Undone>> {
    let changes = list_steps(tx, owner, group).await?;
    if changes.is_empty() {
        return Ok(None);
    }
    if changes.len() > CHANGES_MAX {
        return Err(Error::invalid("action_group", format!("It has more than {CHANGES_MAX} changes.")));
    }
    refuse_if_changed_since(tx, owner, group).await?;
    let began_at = last_seq(tx, owner).await?;
    tx.execute("set constraints all deferred", &[]).await?;
    for change in changes.iter().rev() {
        take_back(tx, owner, change).await?;
    }
    tx.execute("set constraints all immediate", &[]).await.map_err(conflict_of)?;
    let expected = states_before(&changes);
    refuse_if_not_as_before(tx, owner, began_at, &expected).await?;
    let restored = expected.into_iter().map(|((entity, entity_id), image)| Restored {
        entity,
        entity_id,
        exists: image.is_some(),
    });
    Ok(Some(Undone { restored: restored.collect() }))
}

/// The changes of one action, oldest first.
async fn list_steps(tx: &mut Tx, owner: Uuid, group: Uuid) -> Result<Vec<Step>> {
    let sql =
        "select entity, entity_id, before, after from changes where user_id = $1 and action_group = $2 order by seq";
    let rows = tx.query(sql, params![owner, group]).await?;
    let step = |row: &Row| Step { entity: row.get(0), entity_id: row.get(1), before: row.get(2), after: row.get(3) };
    Ok(rows.iter().map(step).collect())
}

/// What each thing of an action was before it; none for what it made.
fn states_before(changes: &[Step]) -> BTreeMap<Thing, Option<&Value>> {
    let mut states = BTreeMap::new();
    for change in changes {
        states.entry((change.entity.clone(), change.entity_id)).or_insert(change.before.as_ref());
    }
    states
}

/// Another action that changed one of the things after this one first did.
async fn refuse_if_changed_since(tx: &mut Tx, owner: Uuid, group: Uuid) -> Result<()> {
    let rows = tx
        .query(
            "with things as (
                 select entity, entity_id, min(seq) as first_seq from changes
                 where user_id = $1 and action_group = $2 group by entity, entity_id
             )
             select distinct t.entity, t.entity_id
             from things t join changes c
                 on c.user_id = $1 and c.entity = t.entity and c.entity_id = t.entity_id and c.seq > t.first_seq
             where c.action_group <> $2
             order by 1, 2 limit $3",
            params![owner, group, limit_named()],
        )
        .await?;
    let things: Vec<Thing> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    if things.is_empty() { Ok(()) } else { Err(changed_since("It was changed since.", &things)) }
}

async fn last_seq(tx: &mut Tx, owner: Uuid) -> Result<i64> {
    let row = tx.query_one("select coalesce(max(seq), 0) from changes where user_id = $1", params![owner]).await?;
    Ok(row.get(0))
}

/// Does the opposite of one change.
async fn take_back(tx: &mut Tx, owner: Uuid, change: &Step) -> Result<()> {
    let Some(entity) = Entity::of_name(&change.entity) else {
        return Err(Error::internal(format!("the log names an unknown entity, {}", change.entity)));
    };
    let (table, id) = (entity.table, change.entity_id);
    match (&change.before, &change.after) {
        (_, None) => insert_image(tx, owner, table, change.before.as_ref()).await,
        (None, Some(_)) if table == "users" => {
            Err(Error::conflict("not_undoable", "This action made your account. To leave, delete the account."))
        }
        (None, Some(_)) => {
            let sql = format!("delete from {table} where user_id = $1 and id = $2");
            tx.execute(&sql, params![owner, id]).await.map_err(conflict_of)?;
            Ok(())
        }
        (Some(before), Some(after)) => {
            let columns = differing(before, after);
            if columns.is_empty() {
                return Ok(());
            }
            let owner_column = if table == "users" { "id" } else { "user_id" };
            let list = columns.join(", ");
            let sql = format!(
                "update {table} set ({list}) = (select {list} from jsonb_populate_record(null::{table}, $3))
                 where {owner_column} = $1 and id = $2"
            );
            tx.execute(&sql, params![owner, id, before]).await.map_err(conflict_of)?;
            Ok(())
        }
    }
}

/// The columns in which two images differ. Their names come from the log, which only the database writes.
fn differing(before: &Value, after: &Value) -> Vec<String> {
    let empty = Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    before.iter().filter(|(name, value)| after.get(*name) != Some(value)).map(|(name, _)| quoted(name)).collect()
}

/// Puts a row back as its image shows it; columns that the image leaves out are computed or get their defaults.
async fn insert_image(tx: &mut Tx, owner: Uuid, table: &str, image: Option<&Value>) -> Result<()> {
    let Some(Value::Object(image)) = image else { return Ok(()) };
    let mut row = image.clone();
    row.insert("user_id".to_owned(), Value::String(owner.to_string()));
    let list = row.keys().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let sql = format!("insert into {table} ({list}) select {list} from jsonb_populate_record(null::{table}, $1)");
    tx.execute(&sql, params![Value::Object(row)]).await.map_err(conflict_of)?;
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What was written in this transaction must be the things of the action and nothing else, as they were before.
async fn refuse_if_not_as_before(
    tx: &mut Tx,
    owner: Uuid,
    began_at: i64,
    expected: &BTreeMap<Thing, Option<&Value>>,
) -> Result<()> {
    let rows = tx
        .query(
            "select distinct on (entity, entity_id) entity, entity_id, after from changes
             where user_id = $1 and seq > $2 order by entity, entity_id, seq desc",
            params![owner, began_at],
        )
        .await?;
    let differs = rows.iter().filter_map(|row| {
        let thing: Thing = (row.get(0), row.get(1));
        let now: Option<Value> = row.get(2);
        let is_as_before = expected.get(&thing).is_some_and(|before| *before == now.as_ref());
        (!is_as_before).then_some(thing)
    });
    let differs: BTreeSet<Thing> = differs.collect();
    if differs.is_empty() {
        return Ok(());
    }
    let things: Vec<Thing> = differs.into_iter().collect();
    Err(changed_since("It came to depend on this since, and would be changed along.", &things))
}

/// A reference, a uniqueness or a rule that what is put back would break now, or a column that users may not write.
fn conflict_of(error: tokio_postgres::Error) -> Error {
    let code = error.code().map(SqlState::code).unwrap_or_default();
    // Class 23: integrity constraint violations.
    if code.starts_with("23") {
        let detail = "What this would restore does not fit with what is there now.";
        Error::conflict("changed_since", detail).with_source(error)
    } else if code == SqlState::INSUFFICIENT_PRIVILEGE.code() {
        Error::conflict("not_undoable", "This action changed what is not yours to change.").with_source(error)
    } else {
        error.into()
    }
}

fn changed_since(detail: &str, things: &[Thing]) -> Error {
    let error = Error::conflict(
        "changed_since",
        "Something was changed since, and undoing would lose that. Nothing was undone.",
    );
    let named = things.iter().take(NAMED_MAX);
    named.fold(error, |error, (entity, id)| error.with_field(format!("/{entity}/{id}"), detail))
}

fn limit_named() -> i64 {
    i64::try_from(NAMED_MAX).unwrap_or(i64::MAX)
}
