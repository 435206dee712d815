//! A transaction whose opening costs no round trip of its own.
//!
//! `begin` and the settings travel together with the first statement, and a last statement can travel
//! together with `commit`. Should a setting fail, PostgreSQL refuses the statements behind it; should
//! `begin` itself fail, the statements run as the login role, which may read no table. Either way it fails
//! closed.
//!
//! A connection may be dead without anybody knowing: its server was restarted, or its process was frozen for
//! longer than the server waits. The first statement finds that out, and is done again on another connection. So a
//! write that begins and ends with the same statement does not commit along with it: until a statement has been
//! answered nothing can have been committed, and doing it again does nothing twice.

use std::time::Duration;

use deadpool::managed::Object;
use futures_util::TryFutureExt;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

use super::connect::{self, Connector};
use super::{Actor, Db, STATEMENT_TIMEOUT_MS};
use crate::{background, queue};

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
    set_config('lock_timeout', $4, true), pg_advisory_xact_lock(hashtextextended('write ' || $3, 0))";

/// A transaction. Dropped before [`Tx::commit`], it is rolled back, and its connection serves nobody
/// until that is done.
pub struct Tx {
    db: Db,
    /// Taken out on drop, to be rolled back.
    client: Option<Object<Connector>>,
    actor: Actor,
    state: State,
    is_repeatable: bool,
    /// How long locks are waited for; none means as long as a statement may take.
    lock_wait: Option<Duration>,
    /// Whose work is announced once this is committed.
    announced: Vec<Uuid>,
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

/// A statement that can be sent more than once.
#[derive(Clone, Copy)]
struct Statement<'a> {
    sql: &'a str,
    params: Params<'a>,
    wanted: Wanted,
}

/// What a statement is to answer.
#[derive(Clone, Copy)]
enum Wanted {
    Rows,
    RowIfAny,
    Row,
    Count,
}

/// What it answered.
struct Answer {
    rows: Vec<Row>,
    /// How many rows were changed, when that was wanted.
    count: u64,
}

impl Statement<'_> {
    async fn send(self, client: &Client) -> Result<Answer, Error> {
        let Self { sql, params, wanted } = self;
        let rows = match wanted {
            Wanted::Rows => client.query_typed(sql, params).await?,
            Wanted::RowIfAny => client.query_typed_opt(sql, params).await?.into_iter().collect(),
            Wanted::Row => vec![client.query_typed_one(sql, params).await?],
            Wanted::Count => {
                let count = client.execute_typed(sql, params).await?;
                return Ok(Answer { rows: Vec::new(), count });
            }
        };
        Ok(Answer { rows, count: 0 })
    }
}

impl Tx {
    pub(super) fn new(db: Db, client: Object<Connector>, actor: Actor) -> Self {
        let is_repeatable = matches!(actor, Actor::User(_) | Actor::Snapshot(_));
        let (client, announced) = (Some(client), Vec::new());
        Self { db, client, actor, state: State::Fresh, is_repeatable, lock_wait: None, announced }
    }

    /// Says that all that this transaction does is as good done twice as once, as reading is. Its only statement is
    /// then committed in the same round trip, and is still done again when the connection is found dead.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.is_repeatable = true;
        self
    }

    /// Says how long a write waits for the user's other writers, and for rows that they hold; afterwards it fails with
    /// [`super::LOCKED`]. Otherwise it waits as long as a statement may take, and so does its connection.
    #[must_use]
    pub fn waiting_at_most(mut self, wait: Duration) -> Self {
        self.lock_wait = Some(wait);
        self
    }

    /// Says that this transaction leaves work for this owner, which is announced as soon as it is committed. Of more
    /// than [`queue::OWNERS_MAX`] owners the rest are not announced, so whoever does the work must also look for it by itself.
    pub fn announce_after_commit(&mut self, owner: Uuid) {
        if self.announced.len() < queue::OWNERS_MAX && !self.announced.contains(&owner) {
            self.announced.push(owner);
        }
    }

    /// All rows of a statement.
    pub async fn query(&mut self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        Ok(self.run(false, Statement { sql, params, wanted: Wanted::Rows }).await?.rows)
    }

    /// The only row, if there is one.
    pub async fn query_opt(&mut self, sql: &str, params: Params<'_>) -> Result<Option<Row>, Error> {
        Ok(self.run(false, Statement { sql, params, wanted: Wanted::RowIfAny }).await?.rows.pop())
    }

    /// The only row of a statement that always has one.
    pub async fn query_one(&mut self, sql: &str, params: Params<'_>) -> Result<Row, Error> {
        let mut answer = self.run(false, Statement { sql, params, wanted: Wanted::Row }).await?;
        Ok(answer.rows.pop().expect("the driver fails where there is no row"))
    }

    /// Runs a statement and tells how many rows it changed.
    pub async fn execute(&mut self, sql: &str, params: Params<'_>) -> Result<u64, Error> {
        Ok(self.run(false, Statement { sql, params, wanted: Wanted::Count }).await?.count)
    }

    /// The last statement of the transaction, committed in the same round trip, if it is not the first one of a write.
    pub async fn query_and_commit(mut self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        let answer = self.run(true, Statement { sql, params, wanted: Wanted::Rows }).await?;
        self.announce().await;
        Ok(answer.rows)
    }

    /// The last statement of the transaction, committed in the same round trip, if it is not the first one of a write.
    pub async fn execute_and_commit(mut self, sql: &str, params: Params<'_>) -> Result<u64, Error> {
        let answer = self.run(true, Statement { sql, params, wanted: Wanted::Count }).await?;
        self.announce().await;
        Ok(answer.count)
    }

    /// Makes everything permanent.
    pub async fn commit(mut self) -> Result<(), Error> {
        if self.state == State::Open {
            self.client().batch_execute(COMMIT).await?;
        }
        self.state = State::Done;
        self.announce().await;
        Ok(())
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("the connection is only taken on drop, and while another takes its place")
    }

    /// Tells whoever does the work. The connection serves others meanwhile.
    async fn announce(mut self) {
        let owners = std::mem::take(&mut self.announced);
        let Some(announcer) = self.db.announcer.clone().filter(|_| !owners.is_empty()) else { return };
        drop(self);
        announcer.announce(&owners).await;
    }

    /// Sends one statement, with what must go before it and, when `last`, the commit behind it.
    async fn run(&mut self, last: bool, statement: Statement<'_>) -> Result<Answer, Error> {
        let is_first = std::mem::replace(&mut self.state, State::Open) == State::Fresh;
        let commit_along = last && (self.is_repeatable || !is_first);
        // Boxed, because what handlers await is made of many of these.
        let mut answer = Box::pin(self.attempt(is_first, commit_along, statement)).await;
        if is_first
            && let Err(error) = &answer
            && connect::is_lost(error)
            && Box::pin(self.replace_client()).await
        {
            answer = Box::pin(self.attempt(is_first, commit_along, statement)).await;
        }
        let answer = answer?;
        if last {
            if !commit_along {
                self.client().batch_execute(COMMIT).await?;
            }
            self.state = State::Done;
        }
        Ok(answer)
    }

    async fn attempt(&self, is_first: bool, commit_along: bool, statement: Statement<'_>) -> Result<Answer, Error> {
        let (client, pipelined) = (self.client(), self.db.pipelined);
        let begin = async { if is_first { open(client, self.actor, self.lock_wait, pipelined).await } else { Ok(()) } };
        let commit = async { if commit_along { client.batch_execute(COMMIT).await } else { Ok(()) } };
        if pipelined {
            // Futures are first polled, and so what they send is sent, in this order.
            let ((), answer, ()) = tokio::try_join!(begin, statement.send(client), commit)?;
            return Ok(answer);
        }
        begin.await?;
        let answer = statement.send(client).await?;
        commit.await?;
        Ok(answer)
    }

    /// Takes another connection, which is known to live. False when there is none.
    async fn replace_client(&mut self) -> bool {
        if let Some(dead) = self.client.take() {
            drop(Object::take(dead));
        }
        // Without one, what is left of this is an error, which is all that is done with it.
        self.client = self.db.proven_client().await;
        let is_replaced = self.client.is_some();
        tracing::info!(is_replaced, "a database connection was found dead");
        is_replaced
    }
}

/// `begin` and the settings: who acts, for whom it writes, and how long a statement may take.
async fn open(client: &Client, actor: Actor, lock_wait: Option<Duration>, pipelined: bool) -> Result<(), Error> {
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
    // For PostgreSQL 0 means no bound.
    let lock_ms = lock_wait.map_or(0, |wait| wait.as_millis().max(1)).to_string();
    let writer = crate::params![name, group, owner, lock_ms];
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
        if tokio::runtime::Handle::try_current().is_ok() {
            background::spawn(async move {
                if client.batch_execute("rollback").await.is_err() {
                    drop(Object::take(client));
                }
            });
        } else {
            drop(Object::take(client));
        }
    }
}
