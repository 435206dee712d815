//! PostgreSQL: connections, and transactions that act as one user.
//!
//! The application logs in as a role that owns nothing and bypasses nothing. Each transaction takes on
//! the role `authenticated` and the user's claims, so that row-level security decides what it sees. A
//! statement outside of such a transaction is refused by the database.
//!
//! [`Db::as_user`] reads for a request and [`Db::as_writer`] writes; [`Db::as_app`] is for the few functions in
//! schema `almanac` that a login or an identity look-up needs before there is a user, [`Db::as_service`] and
//! [`Db::as_job`] for webhooks and jobs.

mod connect;
mod param;
mod transaction;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Object, Pool, PoolConfig, PoolError, QueueMode, Timeouts};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::config::{ConfigError, Env};
use crate::queue::Announce;
use crate::{Error, Result, request};

use connect::Connector;
pub use connect::{ConnectError, connect};
pub use param::{Param, typed};
pub use transaction::Tx;

/// How long a request waits for a free connection.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one statement may take.
const STATEMENT_TIMEOUT_MS: u32 = 10_000;
/// The code of an error: a lock was waited for in vain ([`Tx::waiting_at_most`]).
pub const LOCKED: &str = "locked";

/// A bounded set of connections, opened when first needed. Clones share it.
#[derive(Clone)]
pub struct Db {
    pool: Pool<Connector>,
    pipelined: bool,
    announcer: Option<Arc<dyn Announce>>,
}

/// Who a transaction acts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Actor {
    User(Uuid),
    Snapshot(Uuid),
    Writer { user: Uuid, group: Uuid },
    App,
    Service,
    Job { owner: Uuid, group: Uuid },
}

impl Actor {
    /// Who writes, as the change log names it, the action it belongs to, and whose rows are written.
    fn writes(self) -> Option<(&'static str, Uuid, Uuid)> {
        match self {
            Self::Writer { user, group } => Some(("user", group, user)),
            Self::Job { owner, group } => Some(("job", group, owner)),
            Self::User(_) | Self::Snapshot(_) | Self::App | Self::Service => None,
        }
    }
}

impl Db {
    /// Connections to the database that `DATABASE_URL` names, `DATABASE_CONNECTIONS_MAX` of them (default 1,
    /// which is what a Lambda environment needs). `DATABASE_PIPELINE=off` awaits each step, for poolers that
    /// cannot take several statements at once. Opens nothing yet.
    pub fn from_env(env: &Env) -> Result<Self> {
        Self::from_setting(env, "DATABASE_URL")
    }

    /// The same for a login that holds the service role, named by `DATABASE_SERVICE_URL`.
    pub fn service_from_env(env: &Env) -> Result<Self> {
        Self::from_setting(env, "DATABASE_SERVICE_URL")
    }

    fn from_setting(env: &Env, name: &str) -> Result<Self> {
        let url = env.require(name)?;
        let size = env.parse_or("DATABASE_CONNECTIONS_MAX", NonZeroUsize::MIN)?.get();
        let pipelined = match env.get("DATABASE_PIPELINE") {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => return Err(ConfigError::new("DATABASE_PIPELINE", "is on or off").into()),
        };
        let connector = Connector::new(url).map_err(|detail| ConfigError::new(name, detail))?;
        let timeouts =
            Timeouts { wait: Some(WAIT_TIMEOUT), create: Some(CONNECT_TIMEOUT), recycle: Some(CONNECT_TIMEOUT) };
        let pool = Pool::builder(connector)
            .config(PoolConfig { max_size: size, timeouts, queue_mode: QueueMode::Lifo })
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .expect("a pool with a runtime builds");
        Ok(Self { pool, pipelined, announcer: None })
    }

    /// The same connections, in whose transactions work that is left for a job is announced here once it is committed.
    #[must_use]
    pub fn announcing(self, announcer: Arc<dyn Announce>) -> Self {
        Self { announcer: Some(announcer), ..self }
    }

    /// A transaction that reads what belongs to this user. What it writes, if anything, must be as good done twice as
    /// once, as it is done again when the connection is found dead, and it is not logged as a change.
    pub async fn as_user(&self, user: Uuid) -> Result<Tx> {
        self.begin(Actor::User(user)).await
    }

    /// The same, but all that it reads is as it was at one moment, however long it takes. It cannot write.
    pub async fn as_snapshot(&self, user: Uuid) -> Result<Tx> {
        self.begin(Actor::Snapshot(user)).await
    }

    /// A transaction that changes what belongs to this user. It waits for the user's other writers first, so what
    /// it reads stays as it is until it has written. What it changes is logged as one action with all else that
    /// the request changes; an `Action-Group` header that is no UUID is 422.
    pub async fn as_writer(&self, user: Uuid) -> Result<Tx> {
        let group = request::begin_action()?;
        self.begin(Actor::Writer { user, group }).await
    }

    /// A transaction without a user, which may only call the functions granted to the application's login.
    pub async fn as_app(&self) -> Result<Tx> {
        self.begin(Actor::App).await
    }

    /// A transaction that acts for no user and sees all rows. Only a service login may.
    pub async fn as_service(&self) -> Result<Tx> {
        self.begin(Actor::Service).await
    }

    /// Refuses a login that row-level security does not hold.
    pub async fn check_login(&self) -> Result<()> {
        let client = self.pool.get().await.map_err(unavailable)?;
        match connect::bypassing_login(&client).await? {
            None => Ok(()),
            Some(detail) => Err(ConfigError::new("DATABASE_URL", detail).into()),
        }
    }

    /// The same for work on one user's rows that no request asked for: it is one of that user's writers, and the
    /// change log says that a job did it. `group` is the action it belongs to.
    pub async fn as_job(&self, owner: Uuid, group: Uuid) -> Result<Tx> {
        self.begin(Actor::Job { owner, group }).await
    }

    async fn begin(&self, actor: Actor) -> Result<Tx> {
        let client = self.pool.get().await.map_err(unavailable)?;
        Ok(Tx::new(self.clone(), client, actor))
    }

    /// A connection that answered just now, for when another was found dead: those beside it may be dead, too.
    async fn proven_client(&self) -> Option<Object<Connector>> {
        for _ in 0..=self.pool.status().max_size {
            let client = self.pool.get().await.ok()?;
            if connect::answers(&client).await {
                return Some(client);
            }
            drop(Object::take(client));
        }
        None
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("status", &self.pool.status()).finish_non_exhaustive()
    }
}

fn unavailable(error: PoolError<tokio_postgres::Error>) -> Error {
    Error::unavailable("database_unavailable", "The database cannot be reached at the moment. Try again soon.")
        .with_source(error)
        .with_retry_after(2)
}

impl From<tokio_postgres::Error> for Error {
    /// A lost or overloaded database is 503, anything else that reaches the boundary is our fault.
    fn from(error: tokio_postgres::Error) -> Self {
        let is_away = connect::is_lost(&error)
            || error.code().is_some_and(|code| {
                [
                    SqlState::ADMIN_SHUTDOWN,
                    SqlState::CRASH_SHUTDOWN,
                    SqlState::CANNOT_CONNECT_NOW,
                    SqlState::TOO_MANY_CONNECTIONS,
                    SqlState::QUERY_CANCELED,
                    SqlState::DISK_FULL,
                ]
                .contains(code)
            });
        if owner_is_gone(&error) {
            Self::unauthorized("token_invalid", "The token is not valid.").with_source(error)
        } else if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
            Self::unavailable(LOCKED, "Another change of the same user takes long. Try again soon.")
                .with_source(error)
                .with_retry_after(2)
        } else if is_away {
            Self::unavailable("database_unavailable", "The database cannot answer at the moment. Try again soon.")
                .with_source(error)
                .with_retry_after(2)
        } else {
            Self::internal(error)
        }
    }
}

/// A user who was deleted moments ago may still be remembered; what they write then has no owner.
fn owner_is_gone(error: &tokio_postgres::Error) -> bool {
    let broken = error.as_db_error().and_then(tokio_postgres::error::DbError::constraint);
    broken.is_some_and(|constraint| constraint.ends_with("_user_id_fkey"))
}

/// Answers `with` when the statement broke the named constraint, and keeps any other error.
pub trait OnConstraint<T> {
    /// Maps a violation of `constraint` to an error for the client.
    fn on_constraint(self, constraint: &str, with: impl FnOnce() -> Error) -> Result<T>;
}

impl<T> OnConstraint<T> for Result<T, tokio_postgres::Error> {
    fn on_constraint(self, constraint: &str, with: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(|error| {
            let broken = error.as_db_error().and_then(tokio_postgres::error::DbError::constraint);
            if broken == Some(constraint) { with().with_source(error) } else { error.into() }
        })
    }
}
