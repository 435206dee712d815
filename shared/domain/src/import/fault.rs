//! Finds the row that the database does not take, so that the client hears of a place in the document.

use base::db::Tx;
use base::{Error, Result, params};
use tokio_postgres::error::{DbError, SqlState};
use uuid::Uuid;

use super::Kind;
use super::batch::{Batch, id_of, members, pointer};

/// Which row of a batch is at fault for this error, now that the batch was taken back.
pub(super) async fn in_batch(
    tx: &mut Tx,
    owner: Uuid,
    kind: &Kind<'_>,
    batch: &Batch<'_>,
    error: tokio_postgres::Error,
) -> Result<Error> {
    if !is_of_rows(&error) {
        return Ok(error.into());
    }
    for place in 0..batch.rows.len() {
        tx.execute("savepoint row", &[]).await?;
        if let Err(error) = batch.insert_one(tx, owner, kind, place).await {
            tx.execute("rollback to savepoint row", &[]).await?;
            return described(tx, &pointer(kind, batch.first + place), error).await;
        }
        tx.execute("release savepoint row", &[]).await?;
    }
    described(tx, &format!("/entities/{}", kind.entity.name), error).await
}

/// Checks what waited for all rows to be there.
pub(super) async fn check_constraints<'a>(
    tx: &mut Tx,
    owner: Uuid,
    kinds: impl Iterator<Item = &'a Kind<'a>>,
) -> Result<()> {
    tx.execute("savepoint unchecked", &[]).await?;
    let Err(error) = tx.execute("set constraints all immediate", &[]).await else { return Ok(()) };
    tx.execute("rollback to savepoint unchecked", &[]).await?;
    if !is_of_rows(&error) {
        return Err(error.into());
    }
    for kind in kinds {
        for constraint in constraints_of(tx, kind.entity.table).await? {
            tx.execute("savepoint unchecked", &[]).await?;
            let check = format!("set constraints public.\"{}\" immediate", constraint.name);
            let Err(error) = tx.execute(&check, &[]).await else { continue };
            tx.execute("rollback to savepoint unchecked", &[]).await?;
            let place = place_of_stray(tx, owner, kind, &constraint).await?;
            let at = place.map_or_else(|| format!("/entities/{}", kind.entity.name), |place| pointer(kind, place));
            return Err(described(tx, &at, error).await?);
        }
    }
    described(tx, "/entities", error).await.and_then(Err)
}

/// Somebody else has this id; whose it is nobody learns.
pub(super) fn id_taken(at: &str) -> Error {
    Error::conflict("id_taken", "An id is taken already. It may be that this was imported before.")
        .with_field(at, "Its id is taken.")
}

/// Something that is checked when all rows are there.
struct Constraint {
    name: String,
    /// For a reference: finds a row of `$1` that refers to nothing.
    find_stray: Option<String>,
}

async fn constraints_of(tx: &mut Tx, table: &str) -> Result<Vec<Constraint>> {
    let sql = "select c.conname::text as name, (
                   select format(
                       'select t.id from %s t where t.user_id = $1 and %s and not exists (select from %s r where %s) limit 1',
                       c.conrelid::regclass, string_agg(format('t.%I is not null', a.attname), ' and '),
                       c.confrelid::regclass, string_agg(format('r.%I = t.%I', b.attname, a.attname), ' and '))
                   from unnest(c.conkey, c.confkey) as k (own, other)
                   join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.own
                   join pg_attribute b on b.attrelid = c.confrelid and b.attnum = k.other
                   having count(*) > 0) as stray
               from pg_constraint c
               where c.conrelid = ('public.' || $1)::regclass and c.condeferrable order by c.conname";
    let rows = tx.query(sql, params![table]).await?;
    Ok(rows.iter().map(|row| Constraint { name: row.get("name"), find_stray: row.get("stray") }).collect())
}

/// The place in the document of a row whose reference leads nowhere.
async fn place_of_stray(tx: &mut Tx, owner: Uuid, kind: &Kind<'_>, constraint: &Constraint) -> Result<Option<usize>> {
    let Some(sql) = &constraint.find_stray else { return Ok(None) };
    let Some(row) = tx.query_opt(sql, params![owner]).await? else { return Ok(None) };
    let id: Uuid = row.get("id");
    Ok(kind.rows.iter().position(|row| members(row).and_then(|members| id_of(&members)) == Some(id)))
}

/// Whether the document is at fault: what it holds cannot be read as what it should be (22), breaks a constraint (23), may not be
/// written (42501), is too deep or too large (54), or is refused by a trigger (P0).
fn is_of_rows(error: &tokio_postgres::Error) -> bool {
    let Some(error) = error.as_db_error() else { return false };
    let is_owner_gone = error.constraint().is_some_and(|name| name.ends_with("_user_id_fkey"));
    let code = error.code();
    !is_owner_gone
        && (*code == SqlState::INSUFFICIENT_PRIVILEGE
            || ["22", "23", "54", "P0"].iter().any(|class| code.code().starts_with(class)))
}

/// The answer for an error at this place. The transaction was taken back to before it.
async fn described(tx: &mut Tx, at: &str, error: tokio_postgres::Error) -> Result<Error> {
    let Some(cause) = error.as_db_error() else { return Ok(error.into()) };
    let constraint = cause.constraint().unwrap_or_default();
    let answer = match *cause.code() {
        SqlState::UNIQUE_VIOLATION if is_of_one_user(tx, constraint).await? => {
            Error::invalid(at, format!("There is another one where {constraint} allows one only."))
        }
        SqlState::UNIQUE_VIOLATION => id_taken(at),
        SqlState::NOT_NULL_VIOLATION => {
            Error::invalid(format!("{at}/{}", cause.column().unwrap_or_default()), "This is required.")
        }
        SqlState::FOREIGN_KEY_VIOLATION => Error::invalid(at, "It refers to something that is not in the document."),
        SqlState::INSUFFICIENT_PRIVILEGE => Error::invalid(at, "Rows of this kind cannot be imported."),
        _ => Error::invalid(at, sentence(cause)),
    };
    Ok(answer.with_source(error))
}

fn sentence(cause: &DbError) -> String {
    match cause.constraint() {
        Some(constraint) => format!("It breaks the rule {constraint}."),
        None => "A field does not have the form in which an export has it.".to_owned(),
    }
}

/// Whether a unique index has a reference in it, if only to the owner: then it is among the document's own rows that two
/// are alike.
async fn is_of_one_user(tx: &mut Tx, index: &str) -> Result<bool> {
    let sql = "select from pg_index i join pg_class c on c.oid = i.indexrelid
               join pg_constraint f on f.conrelid = i.indrelid and f.contype = 'f' and f.conkey && i.indkey::smallint[]
               where c.relname = $1 and c.relnamespace = 'public'::regnamespace limit 1";
    Ok(tx.query_opt(sql, params![index]).await?.is_some())
}
