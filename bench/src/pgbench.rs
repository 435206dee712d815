//! `pgbench` on the program's own database, running what Almanac sends for a page of history.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::almanac::{Almanac, User};
use crate::process;
use crate::sample::ms;

/// In which the server takes note of connections that have ended.
const ENDING: Duration = Duration::from_millis(200);
/// What `shared/domain/src/message.rs` and `shared/base/src/db/transaction.rs` send, word for word, with the
/// parameters written out; `__USER__` stands for the user's id. One row more than the page is asked for.
const SETTINGS: &str = "select set_config('role', 'authenticated', true), \
    set_config('request.jwt.claims', '{\"sub\":\"__USER__\",\"role\":\"authenticated\"}', true), \
    set_config('request.jwt.claim.sub', '__USER__', true), set_config('statement_timeout', '10000', true);";
const PAGE: &str = "select id, conversation_id, parent_id, role, content, model, \
    case when status = 'streaming' and alive_until < now() then 'interrupted' else status end as status, \
    finish_reason, error_code, input_tokens, output_tokens, usage_estimated, created_at, updated_at \
    from messages where user_id = '__USER__' \
    and (null::uuid is null or conversation_id = null) \
    and (null::timestamptz is null or created_at < null) \
    and (null::uuid is null or (created_at, id) < \
        (select created_at, id from messages where user_id = '__USER__' and id = null)) \
    and (null::text is null or search @@ websearch_to_tsquery('simple', null)) \
    order by created_at desc, id desc limit 51;";

/// How `pgbench` sends a transaction's four statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    /// All in one round trip, as Almanac does.
    Pipelined,
    /// A round trip each.
    OneByOne,
}

/// `pgbench` with its scripts.
#[derive(Debug)]
pub(crate) struct Pgbench {
    program: PathBuf,
    folder: PathBuf,
    scripts: usize,
    socket_folder: PathBuf,
    server: Vec<u32>,
}

/// What one turn showed.
pub(crate) struct Turn {
    pub(crate) per_second: f64,
    pub(crate) transactions: f64,
    /// What the database used for all of them, in milliseconds.
    pub(crate) database_cpu_ms: f64,
}

impl Pgbench {
    /// Lays out one script for each user, of which `pgbench` takes one by chance each time.
    pub(crate) fn new(folder: &Path, almanac: &Almanac, users: &[User]) -> Result<Self> {
        for sending in [Sending::Pipelined, Sending::OneByOne] {
            fs::create_dir_all(folder.join(sending.name()))?;
            for (index, user) in users.iter().enumerate() {
                let statements = format!("begin;\n{SETTINGS}\n{PAGE}\ncommit;\n").replace("__USER__", &user.id);
                let script = match sending {
                    Sending::Pipelined => format!("\\startpipeline\n{statements}\\endpipeline\n"),
                    Sending::OneByOne => statements,
                };
                fs::write(script_path(folder, sending, index), script)?;
            }
        }
        Ok(Self {
            program: newest_program(),
            folder: folder.to_owned(),
            scripts: users.len(),
            socket_folder: almanac.socket_folder(),
            server: almanac.database_pids(),
        })
    }

    /// One turn, as the application's login and with unnamed statements, like Almanac.
    pub(crate) async fn run(&self, at_once: usize, seconds: u64, sending: Sending) -> Result<Turn> {
        let (clients, seconds) = (at_once.to_string(), seconds.to_string());
        let mut command = Command::new(&self.program);
        command.args(["--no-vacuum", "--protocol=extended", "--username=almanac_app"]);
        command.args(["--client", &clients, "--time", &seconds]).arg("--host").arg(&self.socket_folder);
        for index in 0..self.scripts {
            command.arg("--file").arg(script_path(&self.folder, sending, index));
        }
        let before = process::cpu_with_ended(&self.server);
        let output = command.arg("almanac").output().await;
        let output = output.context("pgbench is needed: apt-get install postgresql-contrib")?;
        // A connection counts once the server has seen it end.
        tokio::time::sleep(ENDING).await;
        let database_cpu_ms = ms(process::cpu_with_ended(&self.server).saturating_sub(before));

        let text = String::from_utf8_lossy(&output.stdout);
        let failed = || format!("pgbench failed: {text}{}", String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), failed());
        let figure = |label: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
            rest.split_whitespace().next()?.parse::<f64>().ok()
        };
        let per_second = figure("tps = ").with_context(failed)?;
        let transactions = figure("number of transactions actually processed: ").with_context(failed)?;
        Ok(Turn { per_second, transactions, database_cpu_ms })
    }
}

impl Sending {
    fn name(self) -> &'static str {
        match self {
            Self::Pipelined => "pipelined",
            Self::OneByOne => "one-by-one",
        }
    }
}

fn script_path(folder: &Path, sending: Sending, index: usize) -> PathBuf {
    folder.join(sending.name()).join(format!("{index}.sql"))
}

/// Debian's `pgbench` on the path is a wrapper in Perl, so the newest installed program is taken first.
fn newest_program() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin/pgbench")).filter(|program| program.exists()).collect();
    installed.sort();
    installed.pop().unwrap_or_else(|| "pgbench".into())
}
