//! A database with people in it who have entries in the outbox, and the program's logins.

use std::time::Duration;

use base::config::Env;
use base::{Clock, Db, params};
use domain::outbox::{self, Claim, Kind, Settlement};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::cluster::TestDatabase;

/// How long a claim of these tests holds.
pub(super) const LEASE: Duration = Duration::from_mins(2);

pub(super) struct Outbox {
    pub(super) database: TestDatabase,
    pub(super) clock: Clock,
    /// Sees everything, to arrange and to inspect.
    pub(super) superuser: Client,
    /// The login of requests.
    pub(super) app: Db,
    /// The login of jobs.
    pub(super) service: Db,
}

/// How an entry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) id: i64,
    pub(super) user_id: Uuid,
    pub(super) attempts: i16,
    pub(super) delivered_at: Option<Timestamp>,
    pub(super) is_dead: bool,
    pub(super) last_error: Option<String>,
}

impl Outbox {
    pub(super) async fn open() -> Self {
        let database = TestDatabase::create().await;
        let (app, service) = (login(&database, "almanac_app"), login(&database, "almanac_service"));
        Self { superuser: database.superuser().await, clock: Clock::system(), app, service, database }
    }

    /// The jobs on this database.
    pub(super) fn jobs(&self) -> jobs::App {
        jobs::App::new(self.service.clone(), self.clock.clone())
    }

    /// Connections of another process.
    pub(super) fn another_service(&self) -> Db {
        login(&self.database, "almanac_service")
    }

    pub(super) async fn user(&self) -> Uuid {
        let id = self.clock.new_id();
        self.superuser.execute_typed("insert into users (id) values ($1)", params![id]).await.expect("a user");
        id
    }

    /// Commits an entry in a transaction of its owner's.
    pub(super) async fn add(&self, owner: Uuid, payload: Value) {
        let mut tx = self.app.as_writer(owner).await.expect("a connection");
        outbox::add(&mut tx, owner, Kind::TendRecurrences, &payload).await.expect("the entry is added");
        tx.commit().await.expect("the entry is committed");
    }

    /// Commits this many entries.
    pub(super) async fn add_many(&self, owner: Uuid, count: usize) {
        for number in 0..count {
            self.add(owner, json!({"number": number})).await;
        }
    }

    pub(super) async fn claim(&self) -> Option<Claim> {
        let tx = self.service.as_service().await.expect("a connection");
        let now = self.clock.now();
        outbox::claim(tx, self.clock.new_id(), now, now + LEASE).await.expect("the outbox can be asked")
    }

    pub(super) async fn settle(&self, claim: &Claim, settlement: Settlement) -> bool {
        let tx = self.service.as_service().await.expect("a connection");
        outbox::settle(tx, claim, settlement, self.clock.now()).await.expect("the outcome can be noted")
    }

    /// All entries in the order of their ids.
    pub(super) async fn standings(&self) -> Vec<Standing> {
        let sql = "select id, user_id, attempts, delivered_at, dead_at is not null as is_dead, last_error
                   from outbox order by id";
        let rows = self.superuser.query_typed(sql, &[]).await.expect("the outbox can be read");
        let standing = |row: &tokio_postgres::Row| Standing {
            id: row.get("id"),
            user_id: row.get("user_id"),
            attempts: row.get("attempts"),
            delivered_at: row.get("delivered_at"),
            is_dead: row.get("is_dead"),
            last_error: row.get("last_error"),
        };
        rows.iter().map(standing).collect()
    }
}

fn login(database: &TestDatabase, role: &str) -> Db {
    let env = Env::from_pairs([("DATABASE_SERVICE_URL", database.url(role)), ("DATABASE_URL", database.url(role))]);
    let env = env.with("DATABASE_CONNECTIONS_MAX", "4");
    Db::service_from_env(&env).expect("the address is right")
}

impl Standing {
    pub(super) fn is_open(&self) -> bool {
        self.delivered_at.is_none() && !self.is_dead
    }
}
