//! The import: an export's document becomes the rows that it was made from, all of them or none.
//!
//! The rows are inserted as the user, so the database keeps to their own what a document might claim; its constraints are
//! what a row has to hold, besides what [`fields`] knows. References are checked when all rows are there, so rows may
//! refer to each other in any order.

mod batch;
mod fault;
mod fields;

use std::collections::BTreeMap;

use base::db::Tx;
use base::extract::parse_json;
use base::{Error, Result, params};
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::change::{ENTITIES, Entity};
use crate::export::{FORMAT, VERSION, hidden_columns};
use crate::user::FullName;

/// The largest preferences that are taken, in bytes of JSON.
const PREFERENCES_BYTES_MAX: usize = 64 * 1024;

/// An export's document, its rows not looked at yet.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what is only there to be read by people is let through")]
pub struct Document {
    format: Format,
    version: Version,
    #[serde(default, skip_serializing)]
    exported_at: IgnoredAny,
    #[serde(default, skip_serializing)]
    account: IgnoredAny,
    #[serde(default, skip_serializing)]
    changes: IgnoredAny,
    #[serde(default)]
    user: Option<Profile>,
    #[serde(default)]
    entities: BTreeMap<String, Vec<Box<RawValue>>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(try_from = "String")]
struct Format(());

impl TryFrom<String> for Format {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if name == FORMAT { Ok(Self(())) } else { Err(format!("not {FORMAT:?}")) }
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(try_from = "u64")]
struct Version(());

impl TryFrom<u64> for Version {
    type Error = String;

    fn try_from(version: u64) -> Result<Self, String> {
        if version == VERSION { Ok(Self(())) } else { Err(format!("not version {VERSION}, the only one there is")) }
    }
}

/// What the user may change about themselves.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    full_name: Option<FullName>,
    /// Kept to the last digit of its numbers.
    preferences: Box<RawValue>,
}

/// What an import made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Imported {
    /// How many rows of each kind.
    pub counts: BTreeMap<String, u64>,
}

/// Makes all rows of a document the user's, in a writer's transaction that has not written yet. `records_group` is the
/// action that what can only be added belongs to, such as consents, since an undo could not take it back: the
/// rest can be undone without it.
///
/// # Errors
///
/// 409 `not_empty` when the user has rows of any other kind already, 409 `id_taken` when somebody else has one of the ids; 422 names
/// the row or the kind that is not acceptable. Then nothing may be committed.
pub async fn import(
    tx: &mut Tx,
    owner: Uuid,
    document: &Document,
    records_group: Uuid,
    now: Timestamp,
) -> Result<Imported> {
    let (things, records) = kinds(tx, document).await?;
    refuse_if_not_empty(tx, owner).await?;
    // As exports write moments, to compare with them.
    tx.query("select set_config('timezone', 'UTC', true)", &[]).await?;
    tx.execute("set constraints all deferred", &[]).await?;
    if let Some(profile) = &document.user {
        update_profile(tx, owner, profile, now).await?;
    }
    let mut counts = BTreeMap::new();
    for kind in &things {
        counts.insert(kind.entity.name.to_owned(), batch::insert_all(tx, owner, kind).await?);
    }
    tx.query("select set_config('almanac.action_group', $1, true)", params![records_group.to_string()]).await?;
    for kind in &records {
        counts.insert(kind.entity.name.to_owned(), batch::insert_all(tx, owner, kind).await?);
    }
    fault::check_constraints(tx, owner, things.iter().chain(&records)).await?;
    Ok(Imported { counts })
}

/// The rows of one kind.
struct Kind<'a> {
    entity: &'static Entity,
    rows: &'a [Box<RawValue>],
    /// What a row may have, and whether it is a moment, which can be written in many ways.
    columns: BTreeMap<String, bool>,
    /// Rows that stay: they are added to those that are there.
    is_record: bool,
}

/// The kinds of a document, parents before children: things, then records.
async fn kinds<'a>(tx: &mut Tx, document: &'a Document) -> Result<(Vec<Kind<'a>>, Vec<Kind<'a>>)> {
    for name in document.entities.keys() {
        if Entity::of_name(name).is_none_or(|entity| entity.table == "users") {
            return Err(Error::invalid(
                format!("/entities/{}", name.replace('~', "~0").replace('/', "~1")),
                "There is no such kind.",
            ));
        }
    }
    let hidden = hidden_columns(tx).await?;
    let (mut things, mut records) = (Vec::new(), Vec::new());
    for entity in &ENTITIES {
        let Some(rows) = document.entities.get(entity.name) else { continue };
        let hidden = hidden.get(entity.table).map_or("{}", String::as_str);
        let sql = "select attname::text as name, atttypid = 'timestamptz'::regtype as is_moment from pg_attribute
                   where attrelid = ('public.' || $1)::regclass and attnum > 0 and not attisdropped
                     and attgenerated = '' and attname <> 'user_id' and attname <> all (($2::text)::text[])";
        let columns = tx.query(sql, params![entity.table, hidden]).await?;
        let columns = columns.iter().map(|row| (row.get("name"), row.get("is_moment"))).collect();
        let is_record = is_record(tx, entity).await?;
        let kind = Kind { entity, rows, columns, is_record };
        if is_record { records.push(kind) } else { things.push(kind) }
    }
    Ok((things, records))
}

/// Whether users can only add rows of this kind.
async fn is_record(tx: &mut Tx, entity: &Entity) -> Result<bool> {
    let sql = "select not has_table_privilege(current_user, 'public.' || $1, 'delete')";
    Ok(tx.query_one(sql, params![entity.table]).await?.get(0))
}

async fn refuse_if_not_empty(tx: &mut Tx, owner: Uuid) -> Result<()> {
    for entity in ENTITIES.iter().filter(|entity| entity.table != "users") {
        let sql = format!("select from {} where user_id = $1 limit 1", entity.table);
        if tx.query_opt(&sql, params![owner]).await?.is_some() && !is_record(tx, entity).await? {
            return Err(Error::conflict("not_empty", "An import needs an account in which nothing was made yet."));
        }
    }
    Ok(())
}

async fn update_profile(tx: &mut Tx, owner: Uuid, profile: &Profile, now: Timestamp) -> Result<()> {
    let preferences = profile.preferences.get();
    let at = |error: Error| match error.problem().errors.first() {
        Some(field) => Error::invalid(format!("/user/preferences{}", field.pointer), field.detail.clone()),
        None => Error::invalid("/user/preferences", "Expected a JSON object."),
    };
    let parsed: Map<String, Value> = parse_json(preferences.as_bytes()).map_err(at)?;
    base::extract::refuse_nul("/user/preferences", &Value::Object(parsed))?;
    if preferences.len() > PREFERENCES_BYTES_MAX {
        return Err(Error::invalid("/user/preferences", format!("Give at most {PREFERENCES_BYTES_MAX} bytes.")));
    }
    let full_name = profile.full_name.as_ref().map(FullName::as_str);
    let sql = "update users set full_name = $2, preferences = ($3::text)::jsonb, updated_at = $4 where id = $1";
    tx.execute(sql, params![owner, full_name, preferences, now]).await?;
    Ok(())
}
