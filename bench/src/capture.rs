//! What Almanac really sends to its database for a request, read from the database's own log: so that a peer is given
//! the same statements, and stays so when they change.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::almanac::{Almanac, call};

/// The login that acts for users. Jobs use another one, so what they do meanwhile is told apart.
pub(crate) const LOGIN: &str = "almanac_app";
/// In which sessions take note of new settings.
const SETTLING: Duration = Duration::from_millis(500);
const BEGIN: &str = "begin";
const COMMIT: &str = "commit";

/// One statement as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// With `$1` and so on where parameters go.
    pub(crate) sql: String,
    /// In PostgreSQL's text form; `None` is null.
    pub(crate) parameters: Vec<Option<String>>,
}

/// Makes the database log every statement for as long as this value is used.
pub(crate) struct Capture<'a> {
    almanac: &'a Almanac,
    client: tokio_postgres::Client,
    log: PathBuf,
}

impl<'a> Capture<'a> {
    /// Turns the logging on.
    pub(crate) async fn start(almanac: &'a Almanac) -> Result<Self> {
        let client = almanac.superuser().await?;
        // Each in a transaction of its own, as this setting of the whole server asks for.
        for setting in ["log_statement = 'all'", "log_line_prefix = '%u|'"] {
            client.batch_execute(&format!("alter system set {setting}")).await?;
        }
        // The program starts its server so that no log holds parameters. A login's own setting has precedence.
        client.batch_execute(&format!("alter role {LOGIN} set log_error_verbosity = 'default'")).await?;
        reload(&client).await?;
        Ok(Self { almanac, client, log: almanac.database_log() })
    }

    /// Makes a request, and gives what was sent for it, which must be one whole transaction, and its answer.
    pub(crate) async fn request(&self, request: &[u8]) -> Result<(Vec<Sent>, Value)> {
        let mut log = File::open(&self.log).with_context(|| format!("no log at {}", self.log.display()))?;
        let before = log.seek(SeekFrom::End(0))?;
        // A statement is in the log before it runs, so all are there once the answer is.
        let answer = call(self.almanac.address, request).await?;
        log.seek(SeekFrom::Start(before))?;
        let mut text = String::new();
        log.read_to_string(&mut text)?;
        let sent = statements(&text)?;
        let is_whole = sent.len() > 2 && sent[0].sql == BEGIN && sent[sent.len() - 1].sql == COMMIT;
        ensure!(is_whole, "this is no transaction: {sent:#?}");
        Ok((sent, answer))
    }

    /// Turns the logging off again.
    pub(crate) async fn stop(self) -> Result<()> {
        for setting in ["log_statement", "log_line_prefix"] {
            self.client.batch_execute(&format!("alter system reset {setting}")).await?;
        }
        self.client.batch_execute(&format!("alter role {LOGIN} reset log_error_verbosity")).await?;
        reload(&self.client).await
    }
}

/// A session takes its login's settings when it begins, so the program begins new ones.
async fn reload(client: &tokio_postgres::Client) -> Result<()> {
    client.batch_execute("select pg_reload_conf()").await?;
    let sessions = format!("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '{LOGIN}'");
    client.batch_execute(&sessions).await?;
    tokio::time::sleep(SETTLING).await;
    Ok(())
}

/// The statements of [`LOGIN`] in a log, in order.
fn statements(log: &str) -> Result<Vec<Sent>> {
    let mut found: Vec<Sent> = vec![];
    for (login, level, said) in entries(log) {
        if login != LOGIN {
            continue;
        }
        match level.as_str() {
            "LOG" => {
                let sql = said.strip_prefix("statement: ").or_else(|| said.strip_prefix("execute <unnamed>: "));
                let sql = sql.with_context(|| format!("the log says something else than a statement: {said}"))?;
                found.push(Sent { sql: sql.trim().trim_end_matches(';').to_owned(), parameters: vec![] });
            }
            "DETAIL" => {
                let list = said.strip_prefix("parameters: ").or_else(|| said.strip_prefix("Parameters: "));
                let (Some(list), Some(sent)) = (list, found.last_mut()) else { bail!("unknown detail: {said}") };
                sent.parameters = parameters(list)?;
            }
            _ => bail!("the database complained: {level}: {said}"),
        }
    }
    Ok(found)
}

/// Login, level and text of each entry. The further lines of an entry begin with a tab, which is not theirs.
fn entries(log: &str) -> Vec<(String, String, String)> {
    let mut entries: Vec<(String, String, String)> = vec![];
    for line in log.lines() {
        if let (Some(rest), Some(entry)) = (line.strip_prefix('\t'), entries.last_mut()) {
            entry.2.push('\n');
            entry.2.push_str(rest);
        } else if let Some((login, rest)) = line.split_once('|')
            && let Some((level, said)) = rest.split_once(":  ")
        {
            entries.push((login.to_owned(), level.to_owned(), said.to_owned()));
        }
    }
    entries
}

/// Reads `$1 = 'it''s', $2 = NULL`.
fn parameters(list: &str) -> Result<Vec<Option<String>>> {
    let mut found = vec![];
    let mut rest = list;
    while !rest.is_empty() {
        let start = format!("${} = ", found.len() + 1);
        rest = rest.strip_prefix(&start).with_context(|| format!("{start:?} is missing in {list}"))?;
        if let Some(after) = rest.strip_prefix("NULL") {
            found.push(None);
            rest = after;
        } else {
            let (value, after) = quoted(rest).with_context(|| format!("no value after {start:?} in {list}"))?;
            found.push(Some(value));
            rest = after;
        }
        rest = rest.strip_prefix(", ").unwrap_or(rest);
    }
    Ok(found)
}

/// The text in quotes at the beginning, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (part, after) = rest.split_once('\'')?;
        value.push_str(part);
        match after.strip_prefix('\'') {
            Some(further) => {
                value.push('\'');
                rest = further;
            }
            None => return Some((value, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_statements_of_the_login_alone() {
        let log = "almanac_app|LOG:  statement: begin\n\
                   almanac_service|LOG:  statement: begin\n\
                   almanac_app|LOG:  execute <unnamed>: select $1,\n\t    $2\n\
                   almanac_app|DETAIL:  parameters: $1 = 'it''s\n\tlong, $2 = ''', $2 = NULL\n\
                   |LOG:  checkpoint starting\n\
                   almanac_app|LOG:  statement: commit\n";
        let sent = |sql: &str, parameters| Sent { sql: sql.to_owned(), parameters };
        let select = sent("select $1,\n    $2", vec![Some("it's\nlong, $2 = '".to_owned()), None]);
        assert_eq!(statements(log).expect("reads"), [sent("begin", vec![]), select, sent("commit", vec![])]);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for log in [
            "almanac_app|LOG:  duration: 1 ms\n",
            "almanac_app|ERROR:  no\n",
            "almanac_app|DETAIL:  parameters: $1 = 'a\n",
        ] {
            assert!(statements(log).is_err(), "{log}");
        }
    }
}
