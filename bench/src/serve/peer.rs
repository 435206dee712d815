//! The programs that are asked: Almanac, and those that answer the same from the same database.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, getrlimit, setrlimit};

use super::install::{Installed, output, version_of_npm, version_of_pypi};
use crate::almanac::{Almanac, call, free_address};
use crate::process::{self, Running};
use crate::wire;

pub(super) const ALMANAC: &str = "Almanac";
/// Processes of each peer: one for each core, as both runtimes have one thread that matters.
const WORKERS: usize = 2;
/// Connections to the database in all, Almanac's default.
const CONNECTIONS: usize = 16;
const START_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// A program that answers.
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// What it is made of.
    pub(super) about: String,
    pub(super) address: SocketAddr,
    /// `None` for Almanac, which is held elsewhere.
    running: Option<Running>,
    pid: u32,
}

/// What a program and its database have used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) cpu: Duration,
    pub(super) database_cpu: Duration,
    pub(super) resident_mib: f64,
}

impl Usage {
    /// What was used since then; the memory is what it is now.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            database_cpu: self.database_cpu.saturating_sub(before.database_cpu),
            resident_mib: self.resident_mib,
        }
    }
}

impl Peer {
    /// Starts those that are asked for, on Almanac's database and with the same model server.
    pub(super) async fn all(
        installed: &Installed,
        folder: &Path,
        almanac: &Almanac,
        model: SocketAddr,
        has: impl Fn(&str) -> bool,
    ) -> Result<Vec<Self>> {
        let mut peers = vec![];
        if has("almanac") {
            let about = "the release build, one process, `almanac serve --embedded`".to_owned();
            let address = almanac.address;
            peers.push(Self { name: ALMANAC, about, address, running: None, pid: almanac.pid() });
        }
        if let Some(code) = &installed.node {
            let mut command = Command::new("node");
            command.arg(code.join("server.js")).env("WORKERS", WORKERS.to_string());
            let host = almanac.socket_folder();
            command.env("DATABASE_URL", format!("postgres://almanac_app@localhost/almanac?host={}", host.display()));
            let about = about_node(code)?;
            peers.push(Self::start("Hono", about, command, &folder.join("node.log"), almanac, model).await?);
        }
        if let Some((code, python)) = &installed.python {
            let mut command = Command::new(python);
            command.args(["-m", "uvicorn", "app:app", "--loop", "uvloop", "--http", "httptools", "--no-access-log"]);
            command.args(["--log-level", "warning", "--workers", &WORKERS.to_string(), "--app-dir"]).arg(code);
            command.env("DATABASE_URL", "postgresql+asyncpg://almanac_app@/almanac");
            command.env("DATABASE_HOST", almanac.socket_folder());
            let about = about_python(code, python)?;
            peers.push(Self::start("FastAPI", about, command, &folder.join("python.log"), almanac, model).await?);
        }
        Ok(peers)
    }

    async fn start(
        name: &'static str,
        about: String,
        mut command: Command,
        log: &Path,
        almanac: &Almanac,
        model: SocketAddr,
    ) -> Result<Self> {
        let address = free_address().await?;
        let issuer = format!("http://{}", almanac.address);
        if name == "FastAPI" {
            command.args(["--port", &address.port().to_string()]);
        }
        let out = File::create(log)?;
        command
            .env("PORT", address.port().to_string())
            .env("CONNECTIONS_MAX", (CONNECTIONS / WORKERS).to_string())
            .env("JWKS_URL", format!("{issuer}/.well-known/jwks.json"))
            .env("ISSUER", issuer)
            .env("OPENAI_BASE_URL", format!("http://{model}/v1"))
            .env("NODE_ENV", "production")
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out);
        let mut running = Running::start(&mut command)?;
        let begun = Instant::now();
        while begun.elapsed() < START_TIMEOUT {
            running.check().with_context(|| format!("see {}", log.display()))?;
            if call(address, &wire::request("GET", "/api/health", &[], "")).await.is_ok() {
                let pid = running.pid();
                return Ok(Self { name, about, address, running: Some(running), pid });
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("{name} does not start, see {}", log.display())
    }

    /// Its processes. Those of Almanac's database are not its own.
    pub(super) fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.pid];
        if self.running.is_some() {
            pids.extend(process::descendants(self.pid));
        }
        pids
    }

    /// What it and the database have used until now. Others are idle while it has its turn.
    pub(super) fn usage(&self, almanac: &Almanac) -> Usage {
        let pids = self.pids();
        Usage {
            cpu: process::cpu_of_all(&pids),
            database_cpu: process::cpu_with_ended(&almanac.database_pids()),
            resident_mib: process::resident_mib(&pids),
        }
    }
}

fn about_node(code: &Path) -> Result<String> {
    let version = |package| version_of_npm(code, package);
    Ok(format!(
        "Hono {} on Node {}, node-postgres {} with prepared statements, `node:cluster` with {WORKERS} workers",
        version("hono")?,
        output(Command::new("node").arg("--version"))?.trim(),
        version("pg")?,
    ))
}

fn about_python(code: &Path, python: &Path) -> Result<String> {
    let version = |package| version_of_pypi(code, package);
    Ok(format!(
        "FastAPI {} on {}, SQLAlchemy {} (ORM, async) with asyncpg {}, uvicorn {} with uvloop, httptools and {WORKERS} workers",
        version("fastapi")?,
        output(Command::new(python).arg("--version"))?.trim(),
        version("sqlalchemy")?,
        version("asyncpg")?,
        version("uvicorn")?,
    ))
}

/// Thousands of connections need as many descriptors, here and in what is started from here.
pub(super) fn raise_descriptors() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("the limit of open files cannot be raised")
}
