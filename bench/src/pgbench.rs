//! `pgbench` on the program's own database.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::almanac::Almanac;
use crate::capture::LOGIN;
use crate::process;
use crate::sample::ms;
use crate::script::{Script, Sending};

/// In which the server takes note of connections that have ended.
const ENDING: Duration = Duration::from_millis(200);
/// The most scripts that `pgbench` takes.
const SCRIPTS_MAX: usize = 128;

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
    /// Lays out the scripts, of which `pgbench` takes one by chance each time.
    pub(crate) fn new(folder: &Path, almanac: &Almanac, scripts: &[Script]) -> Result<Self> {
        ensure!((1..=SCRIPTS_MAX).contains(&scripts.len()), "{} scripts", scripts.len());
        for sending in Sending::ALL {
            fs::create_dir_all(folder.join(sending.name()))?;
            for (index, script) in scripts.iter().enumerate() {
                fs::write(script_path(folder, sending, index), script.text(sending))?;
            }
        }
        Ok(Self {
            program: newest_program(),
            folder: folder.to_owned(),
            scripts: scripts.len(),
            socket_folder: almanac.socket_folder(),
            server: almanac.database_pids(),
        })
    }

    /// One turn, as the application's login and with unnamed statements, like Almanac.
    pub(crate) async fn run(&self, at_once: usize, seconds: u64, sending: Sending) -> Result<Turn> {
        let (clients, seconds) = (at_once.to_string(), seconds.to_string());
        let mut command = Command::new(&self.program);
        command.args(["--no-vacuum", "--protocol=extended", "--username", LOGIN]);
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

fn script_path(folder: &Path, sending: Sending, index: usize) -> PathBuf {
    folder.join(sending.name()).join(format!("{index}.sql"))
}

/// Debian's `pgbench` on the path is a wrapper in Perl, so the newest installed program is taken first.
fn newest_program() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin/pgbench")).filter(|program| program.exists()).collect();
    installed.sort_by_key(|program| {
        let version =
            program.components().rev().nth(2).and_then(|folder| folder.as_os_str().to_str()?.parse::<u32>().ok());
        version.unwrap_or_default()
    });
    installed.pop().unwrap_or_else(|| "pgbench".into())
}
