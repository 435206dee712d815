//! The data of the embedded database: its version, its creation, and what an ended run left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::account::Account;
use super::folders::Folders;
use super::locate::Programs;
use super::log;
use crate::failure::{Failure, Result};
use crate::terminal::Progress;

/// How long a server of an ended run may take to write its last data out.
const LEFTOVER_WAIT: Duration = Duration::from_mins(1);
/// More than any system gives to a process: Linux ends at 4194304, macOS at 99998.
const PID_OF_NOBODY: u32 = 4_194_305;
/// The first release with a built-in, portable C.UTF-8 locale.
const MAJOR_WITH_BUILTIN_LOCALE: u32 = 17;

/// The major version that wrote the data; `None` when there is none yet.
pub(super) fn major(folders: &Folders) -> Result<Option<u32>> {
    let path = folders.cluster.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| damaged(folders, "its file PG_VERSION cannot be read")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let empty = folders.cluster.read_dir().map_or(true, |mut entries| entries.next().is_none());
            if empty { Ok(None) } else { Err(damaged(folders, "its file PG_VERSION is missing")) }
        }
        Err(error) => Err(folders.cannot(&error)),
    }
}

/// Creates the data. It gets its final name only when it is whole, so an interrupted start leaves nothing half-made.
pub(super) async fn create(folders: &Folders, programs: &Programs, account: &Account) -> Result<()> {
    let unfinished = folders.data_dir.join("postgres.new");
    let mut complaint = String::new();
    for locale in locales(programs.major) {
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(folders.cannot(&error)),
            _ => {}
        }
        fs::create_dir(&unfinished).map_err(|error| folders.cannot(&error))?;
        account.own(&unfinished).map_err(|error| folders.cannot(&error))?;

        let mut initdb = account.command(programs.bin.join("initdb"));
        initdb.arg("--pgdata").arg(&unfinished).args(["--no-sync", "--no-instructions", "--username=postgres"]);
        // The socket's folder is open to one account only, and there is no network address.
        initdb.args(["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"]).args(locale);
        initdb.stdin(std::process::Stdio::null());
        let output = tokio::process::Command::from(initdb).kill_on_drop(true).output().await;
        let output =
            output.map_err(|error| Failure::new(format!("{} does not start: {error}.", programs.bin.display())))?;
        if output.status.success() {
            return fs::rename(&unfinished, &folders.cluster).map_err(|error| folders.cannot(&error));
        }
        complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        if !complaint.contains("locale") {
            break;
        }
    }
    drop(fs::remove_dir_all(&unfinished));
    Err(log::explain(&complaint, folders, "The database could not be created"))
}

/// Ways to ask for code-point order with Unicode letters, the best first: not every system has each.
fn locales(major: u32) -> Vec<&'static [&'static str]> {
    let mut locales: Vec<&[&str]> = Vec::new();
    if major >= MAJOR_WITH_BUILTIN_LOCALE {
        locales.push(&["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]);
    }
    locales.push(&["--locale=C.UTF-8", "--lc-messages=C"]);
    locales.push(&["--locale=C", "--lc-ctype=en_US.UTF-8"]);
    locales.push(&["--locale=C"]);
    locales
}

/// Waits for, or ends, a server that an ended run left behind, so that this run can start its own.
///
/// The caller holds the data folder's lock, so such a server is nobody's.
pub(super) async fn settle_leftover(folders: &Folders, progress: Progress) -> Result<()> {
    let path = folders.cluster.join("postmaster.pid");
    let Ok(content) = fs::read_to_string(&path) else {
        return Ok(());
    };
    let first = content.lines().next().unwrap_or_default();
    let Some(pid) = first.trim().parse().ok().and_then(Pid::from_raw).filter(|pid| pid.as_raw_nonzero().get() > 1)
    else {
        return Ok(());
    };
    if !is_alive(pid) {
        // PostgreSQL itself judges such a file, by the shared memory that it names.
        return Ok(());
    }
    if !serves(pid, &folders.cluster).await {
        // The number belongs to another process by now, as is common in containers. PostgreSQL would
        // refuse to start; the rest of the file stays, so that it still checks the shared memory.
        let rest = content.split_once('\n').map_or("", |(_, rest)| rest);
        return fs::write(&path, format!("{PID_OF_NOBODY}\n{rest}")).map_err(|error| folders.cannot(&error));
    }
    progress("Waiting for the database of the last run to end ...");
    // It may have ended on its own meanwhile; the wait below tells.
    let _ = kill_process(pid, Signal::INT);
    let start = Instant::now();
    while path.exists() && is_alive(pid) {
        if start.elapsed() > LEFTOVER_WAIT {
            return Err(Failure::new(format!(
                "A PostgreSQL of an earlier run (process {}) still uses {} and does not end. Stop it, then start again.",
                pid.as_raw_nonzero(),
                folders.cluster.display()
            )));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn is_alive(pid: Pid) -> bool {
    // "Not permitted" also means that there is such a process.
    !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

/// Whether a process is a PostgreSQL server on this data, by its command line.
async fn serves(pid: Pid, cluster: &Path) -> bool {
    let number = pid.as_raw_nonzero().to_string();
    let arguments = if let Ok(arguments) = fs::read(PathBuf::from("/proc").join(&number).join("cmdline")) {
        arguments
    } else {
        let ps = tokio::process::Command::new("ps").args(["-ww", "-o", "args=", "-p", &number]).output().await;
        ps.map(|output| output.stdout).unwrap_or_default()
    };
    let wanted = cluster.as_os_str().as_encoded_bytes();
    arguments.windows(wanted.len()).any(|part| part == wanted)
}

fn damaged(folders: &Folders, why: &str) -> Failure {
    Failure::new(format!(
        "The folder {} is not a whole PostgreSQL database: {why}. Nothing was changed. \
         Restore it from a backup, or move it away to start with an empty one.",
        folders.cluster.display()
    ))
}
