//! The running server: started, waited for, and stopped.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use super::account::Account;
use super::folders::Folders;
use super::locate::Programs;
use super::{Options, cluster, log};
use crate::failure::{Failure, Result};

/// Holds the server and ends it with the program.
const SUPERVISOR: &str = include_str!("supervisor.sh");
/// How long recovery after a crash may take before the start counts as failed.
const START_TIMEOUT: Duration = Duration::from_mins(5);
/// After this long a person should know what is being waited for.
const START_QUIET: Duration = Duration::from_secs(3);
/// A little more than the script itself gives the server.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(5);
const HEALTH_POLL: Duration = Duration::from_secs(1);
/// The database's owner and superuser, reached over the private socket only.
const SUPERUSER: &str = "postgres";

/// Settings that tests and production share.
const SETTINGS: [&str; 11] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "max_connections=200",
    "timezone=UTC",
    "log_timezone=UTC",
    "logging_collector=off",
    "log_checkpoints=off",
    // The log is of the server's own fate. What is wrong with a statement its client is told, and a log of it would
    // quote what people wrote.
    "log_min_messages=log",
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
    // Compiling a query costs more than it saves for the small ones that are made here.
    "jit=off",
];
/// For tests: nothing is to survive a crash, and housekeeping only makes times uneven.
const SETTINGS_NOT_DURABLE: [&str; 7] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "shared_buffers=32MB",
];

/// A PostgreSQL server that lives as long as this value and no longer than the program.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    folders: Folders,
    programs: Programs,
    supervisor: Mutex<Child>,
    /// Closing it ends the server; `None` once that was asked for.
    lifeline: Option<OwnedFd>,
    /// Keeps other programs away from the data for as long as it is open.
    _lock: File,
}

impl EmbeddedPostgres {
    /// Starts the server on its data folder, and creates the data when there is none.
    ///
    /// Every failure is a sentence, and leaves the data as it was.
    pub async fn start(options: &Options) -> Result<Self> {
        let folders = Folders::of(&options.data_dir);
        let lock = folders.lock()?;
        let major = cluster::major(&folders)?;
        let account = Account::choose(&folders.cluster)?;
        let programs = options.search.find(&account, &folders.cluster, major).await?;
        folders.prepare(&account)?;
        if major.is_none() {
            (options.progress)(&format!("Creating the database in {} ...", folders.data_dir.display()));
            cluster::create(&folders, &programs, &account).await?;
        } else {
            // A server that is still ending removes files of its own, so it is waited for before they are gone through.
            cluster::settle_leftover(&folders, options.progress).await?;
            account.own(&folders.cluster).map_err(|error| folders.cannot(&error))?;
        }
        let (supervisor, lifeline) = spawn(&folders, &programs, &account, options.durable)?;
        let server =
            Self { folders, programs, supervisor: Mutex::new(supervisor), lifeline: Some(lifeline), _lock: lock };
        server.wait_until_ready(options).await?;
        Ok(server)
    }

    /// The address of a database for one role. No password is needed on the private socket.
    pub fn url(&self, database: &str, role: &str) -> String {
        url(&self.folders, database, role)
    }

    /// The address of the database `postgres` for the superuser.
    pub fn admin_url(&self) -> String {
        self.url("postgres", SUPERUSER)
    }

    /// The address of a database for the superuser.
    pub fn admin_url_of(&self, database: &str) -> String {
        self.url(database, SUPERUSER)
    }

    /// The programs the server runs from.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Creates a database unless it is there. `name` is a plain identifier.
    pub async fn ensure_database(&self, name: &str) -> Result<()> {
        let failed =
            |error: tokio_postgres::Error| Failure::new(format!("The database {name} cannot be created: {error}."));
        let client = connect(&self.admin_url()).await.map_err(failed)?;
        let found = client.query("select from pg_database where datname = $1", &[&name]).await.map_err(failed)?;
        if found.is_empty() {
            client.batch_execute(&format!("create database \"{name}\"")).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Stops the server: what is open is rolled back, what is committed is on disk when this returns.
    pub async fn stop(mut self) -> Result<()> {
        self.lifeline = None;
        let start = Instant::now();
        while !self.has_ended() {
            if start.elapsed() > STOP_TIMEOUT {
                return Err(Failure::new("PostgreSQL does not stop."));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until the server has ended by itself, which it does not do in health, and tells why.
    pub async fn ended(&self) -> Failure {
        while !self.has_ended() {
            tokio::time::sleep(HEALTH_POLL).await;
        }
        log::explain(&log::tail(&self.folders), &self.folders, "The database ended")
    }

    /// A line that opens a database in PostgreSQL's own client.
    pub fn psql_line(&self, database: &str) -> String {
        let psql = self.programs.bin.join("psql");
        // Some packages hold the server only.
        let psql = if psql.exists() { psql.display().to_string() } else { "psql".to_owned() };
        format!("{psql} -h {} -U {SUPERUSER} {database}", self.folders.socket.display())
    }

    fn has_ended(&self) -> bool {
        let mut supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner);
        // A process that cannot be waited for is none of ours any more.
        supervisor.try_wait().map_or(true, |status| status.is_some())
    }

    /// Trusts a connection only: the server may be there and still recovering.
    async fn wait_until_ready(&self, options: &Options) -> Result<()> {
        let (start, mut told) = (Instant::now(), false);
        let url = self.admin_url();
        loop {
            match connect(&url).await {
                Ok(_) => return Ok(()),
                Err(error) if error.code() == Some(&SqlState::CANNOT_CONNECT_NOW) || error.code().is_none() => {}
                Err(error) => return Err(Failure::new(format!("The database refuses the connection: {error}."))),
            }
            if self.has_ended() {
                return Err(log::explain(&log::tail(&self.folders), &self.folders, "The database did not start"));
            }
            if start.elapsed() > START_TIMEOUT {
                return Err(log::explain(
                    &log::tail(&self.folders),
                    &self.folders,
                    "The database did not start in time",
                ));
            }
            if start.elapsed() > START_QUIET && !told {
                (options.progress)("Waiting for the database to recover from the end of its last run ...");
                told = true;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Starts the server below the script that ends it together with the program.
fn spawn(folders: &Folders, programs: &Programs, account: &Account, durable: bool) -> Result<(Child, OwnedFd)> {
    let output = log::open(folders, account)?;
    let errors = output.try_clone().map_err(|error| folders.cannot(&error))?;
    let mut command = account.command("sh");
    command.args(["-c", SUPERVISOR, "almanac-postgres"]).arg(programs.bin.join("postgres"));
    command.arg("-D").arg(&folders.cluster).arg("-k").arg(&folders.socket);
    let special: &[&str] = if durable { &[] } else { &SETTINGS_NOT_DURABLE };
    for setting in SETTINGS.iter().chain(special) {
        command.args(["-c", setting]);
    }
    // Variables of libpq are for clients; in the server they would change where it looks for things.
    for variable in ["PGDATA", "PGPORT", "PGHOST", "PGOPTIONS"] {
        command.env_remove(variable);
    }
    // An own process group: Ctrl-C at the terminal is for the program, which then stops the server in order.
    command.process_group(0).stdin(Stdio::piped()).stdout(output).stderr(errors);
    let mut child = command.spawn().map_err(|error| Failure::new(format!("PostgreSQL cannot be started: {error}.")))?;
    let lifeline = child.stdin.take().expect("standard input was asked to be a pipe");
    Ok((child, lifeline.into()))
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A path as the host of an address.
/// The address of a database in the server of these folders, for one role.
pub(super) fn url(folders: &Folders, database: &str, role: &str) -> String {
    format!("postgres://{role}@{}/{database}", percent_encoded(&folders.socket))
}

fn percent_encoded(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes.map(|&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
