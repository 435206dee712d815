//! A transaction whose opening costs no round trip of its own.
//!
//! `begin` and the settings travel together with the first statement, and a last statement can travel
//! together with `commit`. Should a setting fail, PostgreSQL refuses the statements behind it; should
//! `begin` itself fail, the statements run as the login role, which may read no table. Either way it fails
//! closed.

use deadpool::managed::Object;
use futures_util::TryFutureExt;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

use super::connect::Connector;
use super::{Actor, STATEMENT_TIMEOUT_MS};

type Params<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

const BEGIN: &str = "begin";
const BEGIN_SNAPSHOT: &str = "begin isolation level repeatable read, read only";
const COMMIT: &str = "commit";
/// Compiling a statement (`jit`) takes longer than any statement of ours runs.
const ACT_AS: &str = "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true), \
    set_config('request.jwt.claim.sub', $3, true), set_config('statement_timeout', $4, true), \
    set_config('jit', 'off', true)";
const BOUND: &str = "select set_config('statement_timeout', $1, true)";
/// Writers of one user go one after another: the order in which they get the lock is the order in which they
/// commit, and none of them waits for rows that another holds.
const WRITE_AS: &str = "select set_config('almanac.actor', $1, true), set_config('almanac.action_group', $2, true), \
    pg_advisory_xact_lock(hashtextextended('write ' || $3, 0))";

/// A transaction. Dropped before [`Tx::commit`], it is rolled back, and its connection serves nobody
/// until that is done.
pub struct Tx {
    /// Taken out on drop, to be rolled back.
    client: Option<Object<Connector>>,
    actor: Actor,
    pipelined: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was sent yet.
    Fresh,
    /// `begin` was sent.
    Open,
    /// Ended, and seen to have ended.
    Done,
}

impl Tx {
    pub(super) fn new(client: Object<Connector>, actor: Actor, pipelined: bool) -> Self {
        Self { client: Some(client), actor, pipelined, state: State::Fresh }
    }

    /// All rows of a statement.
    pub async fn query(&mut self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.run(false, |client| client.query_typed(sql, params)).await
    }

    /// The only row, if there is one.
    pub async fn query_opt(&mut self, sql: &str, params: Params<'_>) -> Result<Option<Row>, Error> {
        self.run(false, |client| client.query_typed_opt(sql, params)).await
    }

    /// The only row of a statement that always has one.
    pub async fn query_one(&mut self, sql: &str, params: Params<'_>) -> Result<Row, Error> {
        self.run(false, |client| client.query_typed_one(sql, params)).await
    }

    /// Runs a statement and tells how many rows it changed.
    pub async fn execute(&mut self, sql: &str, params: Params<'_>) -> Result<u64, Error> {
        self.run(false, |client| client.execute_typed(sql, params)).await
    }

    /// The last statement of the transaction, committed in the same round trip.
    pub async fn query_and_commit(mut self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.run(true, |client| client.query_typed(sql, params)).await
    }

    /// The last statement of the transaction, committed in the same round trip.
    pub async fn execute_and_commit(mut self, sql: &str, params: Params<'_>) -> Result<u64, Error> {
        self.run(true, |client| client.execute_typed(sql, params)).await
    }

    /// Makes everything permanent.
    pub async fn commit(mut self) -> Result<(), Error> {
        if self.state == State::Fresh {
            self.state = State::Done;
            return Ok(());
        }
        self.client().batch_execute(COMMIT).await?;
        self.state = State::Done;
        Ok(())
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("the connection is only taken on drop")
    }

    /// Sends one statement, with what must go before it and, when `last`, the commit behind it.
    async fn run<'c, T, F>(&'c mut self, last: bool, statement: impl FnOnce(&'c Client) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + 'c,
        T: 'c,
    {
        let (actor, pipelined) = (self.actor, self.pipelined);
        let was = std::mem::replace(&mut self.state, State::Open);
        let Self { client, state, .. } = self;
        let client: &'c Client = client.as_ref().expect("the connection is only taken on drop");
        let statement = statement(client);
        let begin = async { if was == State::Fresh { open(client, actor, pipelined).await } else { Ok(()) } };
        let result = match (pipelined, last) {
            (true, true) => {
                let ((), result, ()) = tokio::try_join!(begin, statement, client.batch_execute(COMMIT))?;
                result
            }
            (true, false) => tokio::try_join!(begin, statement)?.1,
            (false, _) => {
                begin.await?;
                let result = statement.await?;
                if last {
                    client.batch_execute(COMMIT).await?;
                }
                result
            }
        };
        if last {
            *state = State::Done;
        }
        Ok(result)
    }
}

/// `begin` and the settings: who acts, for whom it writes, and how long a statement may take.
async fn open(client: &Client, actor: Actor, pipelined: bool) -> Result<(), Error> {
    let timeout = STATEMENT_TIMEOUT_MS.to_string();
    let service = || ("service_role", r#"{"role":"service_role"}"#.to_owned(), String::new());
    let user =
        |user: Uuid| ("authenticated", format!(r#"{{"sub":"{user}","role":"authenticated"}}"#), user.to_string());
    let (role, claims, subject) = match actor {
        Actor::User(id) | Actor::Snapshot(id) | Actor::Writer { user: id, .. } => user(id),
        Actor::Service | Actor::Job { .. } => service(),
        Actor::App => {
            let bound = crate::params![timeout];
            return in_order(pipelined, client.batch_execute(BEGIN), client.query_typed(BOUND, bound)).await;
        }
    };
    let settings = crate::params![role, claims, subject, timeout];
    let begin = if matches!(actor, Actor::Snapshot(_)) { BEGIN_SNAPSHOT } else { BEGIN };
    let act = in_order(pipelined, client.batch_execute(begin), client.query_typed(ACT_AS, settings));
    let Some((name, group, owner)) = actor.writes() else { return act.await };
    let (group, owner) = (group.to_string(), owner.to_string());
    let writer = crate::params![name, group, owner];
    in_order(pipelined, act, client.query_typed(WRITE_AS, writer)).await
}

async fn in_order<T>(
    pipelined: bool,
    first: impl Future<Output = Result<(), Error>>,
    second: impl Future<Output = Result<T, Error>>,
) -> Result<(), Error> {
    if pipelined {
        tokio::try_join!(first, second.map_ok(drop)).map(drop)
    } else {
        first.await?;
        second.await.map(drop)
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        if self.state != State::Open {
            return;
        }
        // Another request must not meet this transaction: the connection goes back to the pool only when the
        // rollback is confirmed, and is closed when it is not.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if client.batch_execute("rollback").await.is_err() {
                    drop(Object::take(client));
                }
            });
        } else {
            drop(Object::take(client));
        }
    }
}
