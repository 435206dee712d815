//! The embedded database: a real PostgreSQL that the program finds or fetches, starts and stops.
//!
//! - It listens on a Unix socket in a folder that only its account can enter, and on no network address.
//! - One program at a time uses a data folder; a lock file sees to it.
//! - It ends when the program ends, in whatever way: a small shell script holds it by a pipe.
//! - It never runs as root: root lends it the account `postgres` or `nobody`.

mod account;
mod cluster;
mod fetch;
mod folders;
mod locate;
mod log;
mod server;
mod source;

use std::path::{Path, PathBuf};

use base::config::Env;

use crate::failure::Result;
use crate::terminal::{self, Progress};

pub use account::Account;
pub use folders::{cache_dir, data_dir};
pub use locate::Programs;
pub use server::EmbeddedPostgres;
pub use source::{Search, Source};

/// How to start the embedded database.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of the data, the socket, the log and the lock.
    pub data_dir: PathBuf,
    /// Where PostgreSQL's programs may come from.
    pub search: Search,
    /// Whether committed data survives a crash of the machine. Tests do without, for speed.
    pub durable: bool,
    /// Where progress is told.
    pub progress: Progress,
}

impl Options {
    /// As the environment says: `ALMANAC_DATA_DIR`, `ALMANAC_POSTGRES_BIN`, `ALMANAC_POSTGRES_SOURCE`.
    pub fn from_env(env: &Env) -> Result<Self> {
        let only = match env.get("ALMANAC_POSTGRES_SOURCE") {
            None => None,
            Some(_) => Some(env.parse_or("ALMANAC_POSTGRES_SOURCE", Source::Installed)?),
        };
        let progress = terminal::progress;
        let bin = env.get("ALMANAC_POSTGRES_BIN").map(PathBuf::from);
        let search = Search { bin, only, cache_dir: cache_dir(env)?, progress };
        Ok(Self { data_dir: data_dir(env)?, search, durable: true, progress })
    }

    /// The same in another data folder, for tests: fast, and lost when the machine crashes.
    #[must_use]
    pub fn for_tests(mut self, data_dir: impl Into<PathBuf>) -> Self {
        self.data_dir = data_dir.into();
        self.durable = false;
        self
    }
}

/// The major version of the data in a folder, `None` for a new folder. Fails when a start would, and changes nothing.
pub fn inspect(data_dir: &Path) -> Result<Option<u32>> {
    let folders = folders::Folders::of(data_dir);
    folders.inspect()?;
    cluster::major(&folders)
}

/// The data folder, made when it is missing, for files beside a database that is elsewhere.
pub fn made_data_dir(env: &Env) -> Result<PathBuf> {
    let data_dir = data_dir(env)?;
    folders::Folders::of(&data_dir).make()?;
    Ok(data_dir)
}

/// The address of a database, for one role, in the server that another program runs on this data folder.
pub fn url_in(data_dir: &Path, database: &str, role: &str) -> String {
    server::url(&folders::Folders::of(data_dir), database, role)
}
