//! Rows go in a batch at a time: as many as have the same fields, up to a bounded number and size.

use std::collections::{BTreeMap, HashSet};

use base::db::Tx;
use base::{Error, Result, params};
use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Kind, fault, fields};

/// The most rows of a batch.
const ROWS_MAX: usize = 500;
/// About how large a batch gets, in bytes of JSON; a single row may be larger.
const BYTES_MAX: usize = 1024 * 1024;

/// Rows that one statement inserts.
pub(super) struct Batch<'a> {
    /// The place of the first in the document.
    pub(super) first: usize,
    /// The fields that each of them has.
    names: Vec<String>,
    ids: Vec<Uuid>,
    pub(super) rows: &'a [Box<RawValue>],
}

/// Inserts all rows of a kind and gives how many are new.
pub(super) async fn insert_all(tx: &mut Tx, owner: Uuid, kind: &Kind<'_>) -> Result<u64> {
    let (mut first, mut count) = (0, 0);
    let mut seen = HashSet::new();
    while first < kind.rows.len() {
        let batch = Batch::cut(kind, first, &mut seen)?;
        first += batch.rows.len();
        count += insert(tx, owner, kind, &batch).await?;
    }
    Ok(count)
}

/// A row's place in the document.
pub(super) fn pointer(kind: &Kind<'_>, place: usize) -> String {
    format!("/entities/{}/{place}", kind.entity.name)
}

/// The fields of a row, if it is an object.
pub(super) fn members(row: &RawValue) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(row.get()).ok()
}

/// The id of a row.
pub(super) fn id_of(members: &BTreeMap<String, &RawValue>) -> Option<Uuid> {
    serde_json::from_str(members.get("id")?.get()).ok()
}

impl<'a> Batch<'a> {
    /// The rows from `first` on that go together, each looked at on its own. `seen` are the ids before them.
    fn cut(kind: &Kind<'a>, first: usize, seen: &mut HashSet<Uuid>) -> Result<Self> {
        let (mut names, mut ids, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (place, row) in kind.rows.iter().enumerate().skip(first) {
            bytes += row.get().len();
            if !ids.is_empty() && (ids.len() == ROWS_MAX || bytes > BYTES_MAX) {
                break;
            }
            let at = pointer(kind, place);
            let members = members(row).ok_or_else(|| Error::invalid(&at, "Expected an object."))?;
            let own: Vec<String> = members.keys().cloned().collect();
            if ids.is_empty() {
                if let Some(unknown) = own.iter().find(|name| !kind.columns.contains_key(*name)) {
                    return Err(Error::invalid(format!("{at}/{}", escaped(unknown)), "There is no such field."));
                }
                names = own;
            } else if own != names {
                break;
            }
            let id = id_of(&members).ok_or_else(|| Error::invalid(format!("{at}/id"), "Expected a UUID."))?;
            if !seen.insert(id) {
                return Err(Error::invalid(format!("{at}/id"), "This id is there twice."));
            }
            fields::check(kind.entity.name, &at, &members)?;
            ids.push(id);
        }
        let rows = &kind.rows[first..first + ids.len()];
        Ok(Self { first, names, ids, rows })
    }
}

/// Inserts a batch, or finds the row that cannot be.
async fn insert(tx: &mut Tx, owner: Uuid, kind: &Kind<'_>, batch: &Batch<'_>) -> Result<u64> {
    tx.execute("savepoint batch", &[]).await?;
    let outcome = match insert_rows(tx, owner, kind, &batch.names, batch.rows).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tx.execute("rollback to savepoint batch", &[]).await?;
            return Err(fault::in_batch(tx, owner, kind, batch, error).await?);
        }
    };
    tx.execute("release savepoint batch", &[]).await?;
    if let (Some(place), Some(name)) = (outcome.get::<_, Option<i64>>("place"), outcome.get::<_, Option<&str>>("name"))
    {
        let place = batch.first + usize::try_from(place - 1).unwrap_or_default();
        let at = format!("{}/{}", pointer(kind, place), escaped(name));
        return Err(Error::invalid(at, "This would be kept as something else. Give it as an export does."));
    }
    if kind.is_record {
        refuse_if_missing(tx, owner, kind, batch).await?;
    }
    Ok(u64::try_from(outcome.get::<_, i64>("count")).unwrap_or_default())
}

impl Batch<'_> {
    /// Tries the row at this place of the batch on its own.
    pub(super) async fn insert_one(
        &self,
        tx: &mut Tx,
        owner: Uuid,
        kind: &Kind<'_>,
        place: usize,
    ) -> Result<(), tokio_postgres::Error> {
        insert_rows(tx, owner, kind, &self.names, &self.rows[place..=place]).await.map(drop)
    }
}

/// Inserts rows, and tells how many are new and which field, if any, is not kept as it was given. Fields that the
/// rows do not have get their defaults.
async fn insert_rows(
    tx: &mut Tx,
    owner: Uuid,
    kind: &Kind<'_>,
    names: &[String],
    rows: &[Box<RawValue>],
) -> Result<Row, tokio_postgres::Error> {
    let table = kind.entity.table;
    let columns = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let values = names.iter().map(|name| format!("r.\"{name}\"")).collect::<Vec<_>>().join(", ");
    // What is there already stays as it is.
    let conflict = if kind.is_record { "on conflict (id) do nothing" } else { "" };
    let sql = format!(
        "with given as materialized (
             select g.image, g.place from jsonb_array_elements(($1::text)::jsonb) with ordinality as g (image, place)
         ), made as (
             insert into {table} as t ({columns}, user_id)
             select {values}, $2 from given g, jsonb_populate_record(null::{table}, g.image) as r order by g.place
             {conflict} returning t.id, to_jsonb(t) as image
         )
         select (select count(*) from made) as count, differing.place, differing.name
         from (values (1)) as one left join (
             select g.place, f.name from given g join made m on m.id = (g.image ->> 'id')::uuid,
                 jsonb_each(g.image) as f (name, value)
             where m.image -> f.name is distinct from f.value and f.name <> all ($3)
             order by g.place limit 1
         ) differing on true"
    );
    let text = rows.iter().map(|row| row.get()).collect::<Vec<_>>().join(",");
    let moments: Vec<String> =
        kind.columns.iter().filter(|(_, is_moment)| **is_moment).map(|(name, _)| name.clone()).collect();
    tx.query_one(&sql, params![format!("[{text}]"), owner, moments]).await
}

/// Of records that were there already the ids are the user's own.
async fn refuse_if_missing(tx: &mut Tx, owner: Uuid, kind: &Kind<'_>, batch: &Batch<'_>) -> Result<()> {
    let sql = format!("select id from {} where user_id = $1 and id = any ($2)", kind.entity.table);
    let rows = tx.query(&sql, params![owner, batch.ids.clone()]).await?;
    let own: HashSet<Uuid> = rows.iter().map(|row| row.get("id")).collect();
    match batch.ids.iter().position(|id| !own.contains(id)) {
        Some(place) => Err(fault::id_taken(&pointer(kind, batch.first + place))),
        None => Ok(()),
    }
}

/// A name as a part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
