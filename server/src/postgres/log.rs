//! What PostgreSQL says in its log, told as one sentence with a way out.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;

use super::account::Account;
use super::folders::Folders;
use crate::failure::{Failure, Result};

/// How much of the log's end is read for the reason of a failure.
const TAIL_BYTES: usize = 16 * 1024;

/// Known reasons, by words of PostgreSQL's message, and the sentence for each.
const REASONS: [(&str, &str); 7] = [
    ("No space left on device", "The disk is full. Make room, then start again"),
    (
        "Permission denied",
        "PostgreSQL may not read or write its files. Change their owner, or choose another folder with ALMANAC_DATA_DIR",
    ),
    ("has wrong ownership", "The data belongs to another user. Start the program as that user, or change the owner"),
    (
        "could not locate a valid checkpoint record",
        "The data is damaged. Restore it from a backup, or move the folder away to start with an empty one",
    ),
    (
        "No such file or directory",
        "Files of the database are missing. Restore it from a backup, or move the folder away to start with an empty one",
    ),
    ("incompatible with server", "The data was written by another version of PostgreSQL"),
    (
        "could not create shared memory segment",
        "The system's shared memory is exhausted. Stop other database servers, or raise the limit",
    ),
];

/// Starts a new log for this run and keeps the last run's beside it.
pub(super) fn open(folders: &Folders, account: &Account) -> Result<File> {
    drop(fs::rename(&folders.log, folders.log.with_extension("log.1")));
    // A complaint about a statement quotes it, and people's data with it.
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&folders.log);
    let file = file.map_err(|error| folders.cannot(&error))?;
    account.own(&folders.log).map_err(|error| folders.cannot(&error))?;
    Ok(file)
}

/// The end of the log.
pub(super) fn tail(folders: &Folders) -> String {
    let content = fs::read(&folders.log).unwrap_or_default();
    String::from_utf8_lossy(&content[content.len().saturating_sub(TAIL_BYTES)..]).into_owned()
}

/// Why the server ended or would not be created, from its own words.
pub(super) fn explain(said: &str, folders: &Folders, what: &str) -> Failure {
    // A client that comes too early is refused with a FATAL of its own, which is not the reason.
    let bad = |line: &&str| {
        ["FATAL:", "PANIC:", "error:"].iter().any(|level| line.contains(level))
            && !line.contains("the database system is")
    };
    let own_words = said.lines().find(bad).or_else(|| said.lines().rfind(|line| !line.trim().is_empty()));
    let own_words = own_words.unwrap_or("it gave no reason").trim();
    let reason = REASONS.iter().find(|(words, _)| said.contains(words));
    let advice = reason.map(|(_, advice)| format!(" {advice}.")).unwrap_or_default();
    Failure::new(format!(
        "{what} in {}.{advice} PostgreSQL said: {own_words} (its log: {})",
        folders.data_dir.display(),
        folders.log.display()
    ))
}
