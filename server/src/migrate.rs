//! Brings a database to the program's schema, one migration after the other.
//!
//! The record is the table `supabase_migrations.schema_migrations`, so that `supabase db push` and this
//! runner can follow one another. `migrations/README.md` states the rules for the files.
//!
//! The lock belongs to the session, so the address must not be that of a transaction pooler.

mod file;

use std::time::{Duration, Instant};

use tokio_postgres::error::{DbError, ErrorPosition, SqlState};
use tokio_postgres::{Client, Error};

pub use file::{Migration, embedded};

use crate::failure::{Failure, Result};
use crate::terminal::Progress;

/// The advisory lock that one runner holds at a time: the bytes of "almanac".
const LOCK_KEY: i64 = 0x61_6c_6d_61_6e_61_63;
/// A blocking wait for the lock would hold a snapshot, which `create index concurrently` waits for in turn.
const LOCK_POLL: Duration = Duration::from_millis(200);
/// After this long a person should know what is being waited for.
const LOCK_QUIET: Duration = Duration::from_secs(2);
const LOCK_WAIT: Duration = Duration::from_mins(10);
/// A migration that waits for a table blocks everybody behind it, so it gives up soon and tries again.
const TABLE_LOCK_TIMEOUT: &str = "set local lock_timeout = '5s'";
const TRIES_MAX: u32 = 5;
const TRY_PAUSE: Duration = Duration::from_secs(1);

/// The program checks at its start, with its own login, that the schema is the one it knows.
const LET_LOGINS_READ: &str = "do $$ begin
    if to_regrole('almanac_app') is not null then
        grant usage on schema supabase_migrations to almanac_app;
        grant select on supabase_migrations.schema_migrations to almanac_app;
    end if;
end $$";

/// What a database has and lacks.
#[derive(Debug, Default)]
pub struct Status {
    /// Migrations of this program that are not applied yet, in their order.
    pub pending: Vec<Migration>,
    /// Versions applied to the database that are newer than all this program knows.
    pub unknown_newer: Vec<String>,
    /// Migrations whose file is not what was applied.
    pub changed: Vec<Migration>,
}

impl Status {
    /// Whether this program can serve from the database; the error names what is in the way. Newer migrations are not:
    /// each leaves the version before it able to work, which a return to that version counts on.
    pub fn require_servable(&self) -> Result<()> {
        self.require_unchanged()?;
        match self.pending.as_slice() {
            [] => Ok(()),
            pending => Err(Failure::new(format!(
                "The database lacks {}. Run `almanac migrate` first, or serve with --migrate.",
                names(pending.iter().map(Migration::title))
            ))),
        }
    }

    /// Whether this program may migrate the database: every migration in it is this program's. The error names those that
    /// are not.
    pub fn require_known(&self) -> Result<()> {
        if !self.unknown_newer.is_empty() {
            return Err(Failure::new(format!(
                "The database has migrations that this program does not know, so it belongs to a newer one: {}.",
                names(self.unknown_newer.iter().cloned())
            )));
        }
        self.require_unchanged()
    }

    fn require_unchanged(&self) -> Result<()> {
        if self.changed.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "These migrations were changed after they were applied: {}. Put the files back as they were, and make the change in a new one.",
            names(self.changed.iter().map(Migration::title))
        )))
    }
}

/// Compares the database with the program, and changes nothing.
pub async fn status(client: &Client, migrations: &[Migration]) -> Result<Status> {
    let found = "select to_regclass('supabase_migrations.schema_migrations') is not null";
    let recorded = client.query_one(found, &[]).await.map_err(|error| unreadable(&error))?;
    if !recorded.get::<_, bool>(0) {
        return Ok(Status { pending: migrations.to_vec(), ..Status::default() });
    }
    let query = "select version, statements from supabase_migrations.schema_migrations order by version";
    let rows = client.query(query, &[]).await.map_err(|error| unreadable(&error))?;
    let applied: Vec<(String, Option<Vec<String>>)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();

    let newest = migrations.last().map_or("", |migration| &migration.version);
    let unknown_newer = applied.iter().map(|(version, _)| version).filter(|version| version.as_str() > newest);
    let mut status = Status { unknown_newer: unknown_newer.cloned().collect(), ..Status::default() };
    for migration in migrations {
        match applied.iter().find(|(version, _)| *version == migration.version) {
            None => status.pending.push(migration.clone()),
            Some((_, Some(statements))) if !migration.matches(statements) => status.changed.push(migration.clone()),
            Some(_) => {}
        }
    }
    Ok(status)
}

/// Applies what is pending and returns it. Two runners at once are safe: one waits for the other.
///
/// A migration that fails leaves nothing of itself; those before it stay.
pub async fn run(client: &mut Client, migrations: &[Migration], progress: Progress) -> Result<Vec<Migration>> {
    lock(client, progress).await?;
    let result = run_locked(client, migrations, progress).await;
    let unlocked = client.execute("select pg_advisory_unlock($1)", &[&LOCK_KEY]).await;
    let applied = result?;
    unlocked.map_err(|error| unreadable(&error))?;
    Ok(applied)
}

async fn run_locked(client: &mut Client, migrations: &[Migration], progress: Progress) -> Result<Vec<Migration>> {
    let status = status(client, migrations).await?;
    status.require_known()?;
    if status.pending.is_empty() {
        return Ok(Vec::new());
    }
    let table = "create schema if not exists supabase_migrations;
        create table if not exists supabase_migrations.schema_migrations (version text primary key, statements text[], name text)";
    client.batch_execute(table).await.map_err(|error| unreadable(&error))?;
    for migration in &status.pending {
        let mut tries = 1;
        while let Err(error) = apply(client, migration).await {
            let busy = error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE);
            if !busy || tries == TRIES_MAX {
                return Err(failed(migration, &error));
            }
            progress(&format!("{} waits for a table that is in use ...", migration.title()));
            tries += 1;
            tokio::time::sleep(TRY_PAUSE).await;
        }
        require_valid_indexes(client, migration).await?;
    }
    client.batch_execute(LET_LOGINS_READ).await.map_err(|error| unreadable(&error))?;
    Ok(status.pending)
}

async fn lock(client: &Client, progress: Progress) -> Result<()> {
    let (start, mut told) = (Instant::now(), false);
    loop {
        let row = client.query_one("select pg_try_advisory_lock($1)", &[&LOCK_KEY]).await;
        if row.map_err(|error| unreadable(&error))?.get(0) {
            return Ok(());
        }
        if start.elapsed() > LOCK_WAIT {
            return Err(Failure::new(
                "Another program has been migrating this database for 10 minutes. Look at it, then try again.",
            ));
        }
        if start.elapsed() > LOCK_QUIET && !told {
            progress("Waiting for another program that is migrating this database ...");
            told = true;
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
}

/// Applies one file and records it, in one transaction where the file allows one.
async fn apply(client: &mut Client, migration: &Migration) -> Result<(), Error> {
    let record =
        "insert into supabase_migrations.schema_migrations (version, statements, name) values ($1, array[$2], $3)";
    if migration.is_without_transaction() {
        client.batch_execute(&migration.sql).await?;
        // An interrupted run leaves an invalid index behind, which `if not exists` would take for a good one.
        if invalid_indexes(client).await?.is_empty() {
            client.execute(record, &[&migration.version, &migration.sql, &migration.name]).await?;
        }
    } else {
        let transaction = client.transaction().await?;
        transaction.batch_execute(TABLE_LOCK_TIMEOUT).await?;
        transaction.batch_execute(&migration.sql).await?;
        // What a file sets for itself, such as a role or a search path, ends with it.
        transaction.batch_execute("reset role; reset all").await?;
        transaction.execute(record, &[&migration.version, &migration.sql, &migration.name]).await?;
        transaction.commit().await?;
    }
    Ok(())
}

async fn require_valid_indexes(client: &Client, migration: &Migration) -> Result<()> {
    if !migration.is_without_transaction() {
        return Ok(());
    }
    match invalid_indexes(client).await.map_err(|error| unreadable(&error))?.as_slice() {
        [] => Ok(()),
        indexes => Err(Failure::new(format!(
            "{} left an index that is not valid: {}. Drop it, then migrate again.",
            migration.title(),
            names(indexes.iter().cloned())
        ))),
    }
}

async fn invalid_indexes(client: &Client) -> Result<Vec<String>, Error> {
    let query = "select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indexrelid
        where not i.indisvalid and c.relkind = 'i' order by 1";
    Ok(client.query(query, &[]).await?.iter().map(|row| row.get(0)).collect())
}

fn failed(migration: &Migration, error: &Error) -> Failure {
    let Some(db) = error.as_db_error() else {
        return Failure::new(format!("{} failed: {error}.", migration.title()));
    };
    let line = line_of(db, &migration.sql).map(|line| format!(" (line {line})")).unwrap_or_default();
    let more = [db.detail(), db.hint(), db.where_()].into_iter().flatten().map(|part| format!(" {part}"));
    Failure::new(format!(
        "{} failed and left nothing behind{line}: {}.{}",
        migration.title(),
        db.message(),
        more.collect::<String>()
    ))
}

/// PostgreSQL counts characters from 1; people count lines.
fn line_of(error: &DbError, sql: &str) -> Option<usize> {
    let ErrorPosition::Original(position) = error.position()? else { return None };
    let before = sql.chars().take(usize::try_from(*position).ok()?.saturating_sub(1));
    Some(before.filter(|&c| c == '\n').count() + 1)
}

fn unreadable(error: &Error) -> Failure {
    let reason = error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned());
    Failure::new(format!("The record of migrations cannot be used: {reason}."))
}

fn names(all: impl Iterator<Item = String>) -> String {
    all.collect::<Vec<_>>().join(", ")
}
