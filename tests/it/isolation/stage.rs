//! A database with two people in it, each with one row in every table, and the program's logins to act through.

use base::config::Env;
use base::db::{Db, Tx};
use base::{Clock, params};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, NoTls};
use uuid::Uuid;

use super::rules::RULES;

/// Two people and everybody who may come near their rows.
pub(super) struct Stage {
    /// Sees everything, to arrange and to inspect.
    pub(super) superuser: Client,
    /// The login that serves requests.
    pub(super) app: Db,
    /// The login of webhooks and jobs.
    pub(super) service: Db,
    pub(super) alice: Uuid,
    pub(super) bob: Uuid,
    clock: Clock,
}

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It saw or changed this many rows.
    Rows(u64),
    /// Privileges or row-level security forbade it.
    Refused,
    /// Something else was wrong with it.
    Failed(String),
}

impl Outcome {
    pub(super) fn of(result: Result<u64, Error>) -> Self {
        match result {
            Ok(rows) => Self::Rows(rows),
            // In a failed transaction it was taking on the role, sent just before, that was refused.
            Err(error)
                if [&SqlState::INSUFFICIENT_PRIVILEGE, &SqlState::IN_FAILED_SQL_TRANSACTION]
                    .map(Some)
                    .contains(&error.code()) =>
            {
                Self::Refused
            }
            Err(error) => Self::Failed(format!("{error:?}")),
        }
    }
}

impl Stage {
    /// Sets the stage in a migrated, empty database, given its address for each role.
    pub(super) async fn set(superuser: Client, url: impl Fn(&str) -> String) -> Self {
        Self::set_with(superuser, url, &Env::default()).await
    }

    /// The same with settings for the connections.
    pub(super) async fn set_with(superuser: Client, url: impl Fn(&str) -> String, env: &Env) -> Self {
        let env = |setting: &str, role: &str| env.clone().with(setting, url(role));
        let app = Db::from_env(&env("DATABASE_URL", "almanac_app")).expect("the settings are right");
        let service = Db::service_from_env(&env("DATABASE_SERVICE_URL", "almanac_service"));
        let service = service.expect("the settings are right");
        let clock = Clock::system();
        let (alice, bob) = (clock.new_id(), clock.new_id());
        // Without triggers, since the change log would add rows of its own.
        superuser.batch_execute("set session_replication_role = replica").await.expect("a superuser");
        for person in [alice, bob] {
            for rule in &RULES {
                let made = superuser.execute_typed(rule.insert, params![person, person]).await;
                made.unwrap_or_else(|error| panic!("{}: {error:?}", rule.table));
            }
        }
        superuser.batch_execute("reset session_replication_role").await.expect("a superuser");
        Self { superuser, app, service, alice, bob, clock }
    }

    pub(super) fn new_id(&self) -> Uuid {
        self.clock.new_id()
    }

    /// What a statement does when bob runs it. `$1` is `owner`, `$2` a new id; nothing of it stays.
    pub(super) async fn as_bob(&self, sql: &str, owner: Uuid) -> Outcome {
        let tx = self.app.as_user(self.bob).await.expect("a connection");
        self.attempt(tx, sql, owner).await
    }

    /// The same in a transaction that has begun otherwise.
    pub(super) async fn attempt(&self, mut tx: Tx, sql: &str, owner: Uuid) -> Outcome {
        Outcome::of(tx.execute(sql, params![owner, self.new_id()]).await)
    }

    /// A transaction of this login without a user, having taken on a role where one is given.
    pub(super) async fn as_nobody(&self, db: &Db, role: Option<&str>) -> Tx {
        let mut tx = db.as_app().await.expect("a connection");
        if let Some(role) = role {
            let set = tx.execute("select set_config('role', $1, true)", params![role]).await;
            set.unwrap_or_else(|error| panic!("{role}: {error:?}"));
        }
        tx
    }

    /// The tables, views and the like of schema public.
    pub(super) async fn tables(&self) -> Vec<String> {
        self.names(
            "select relname::text from pg_class
             where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') order by 1",
        )
        .await
    }

    /// The columns of a table that can be written at all.
    pub(super) async fn columns(&self, table: &str) -> Vec<String> {
        self.columns_where(table, "true").await
    }

    /// Those of them that can be empty.
    pub(super) async fn nullable_columns(&self, table: &str) -> Vec<String> {
        self.columns_where(table, "not attnotnull").await
    }

    async fn columns_where(&self, table: &str, condition: &str) -> Vec<String> {
        self.names(&format!(
            "select attname::text from pg_attribute
             where attrelid = 'public.{table}'::regclass and attnum > 0 and not attisdropped
               and attgenerated = '' and attidentity <> 'a' and {condition}
             order by attnum"
        ))
        .await
    }

    /// The single column of a query over the catalogue.
    pub(super) async fn names(&self, sql: &str) -> Vec<String> {
        let rows = self.superuser.query_typed(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// A connection by an address.
pub(super) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server answers");
    tokio::spawn(connection);
    client
}
