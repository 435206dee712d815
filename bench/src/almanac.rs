//! The product: the single-process program on a data folder of its own, and users of it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::process::{self, Running};
use crate::wire::{self, Connection};

/// The first start creates the database.
const START_TIMEOUT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);
/// The folder that holds the embedded database's socket, below the data folder.
const SOCKET_FOLDER: &str = "socket";
/// Its log, likewise.
const DATABASE_LOG: &str = "postgres.log";
/// What everybody signs in with.
const PASSWORD: &str = "correct horse battery staple";

pub(crate) struct Almanac {
    running: Running,
    pub(crate) address: SocketAddr,
    data_dir: PathBuf,
}

/// Somebody who has registered.
pub(crate) struct User {
    pub(crate) id: String,
    email: String,
    pub(crate) token: String,
}

impl User {
    /// The value of `Authorization`.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

impl Almanac {
    /// Starts `almanac dev` in `folder`, asking its questions of the model server at `upstream`.
    pub(crate) async fn start(program: &Path, folder: &Path, upstream: SocketAddr) -> Result<Self> {
        Self::start_as(&["dev"], program, folder, upstream).await
    }

    /// The same with `almanac serve` on its own database.
    pub(crate) async fn serve(program: &Path, folder: &Path, upstream: SocketAddr) -> Result<Self> {
        Self::start_as(&["serve", "--embedded", "--migrate"], program, folder, upstream).await
    }

    async fn start_as(arguments: &[&str], program: &Path, folder: &Path, upstream: SocketAddr) -> Result<Self> {
        let address = free_address().await?;
        fs::create_dir_all(folder)?;
        let data_dir = folder.join("data");
        let log = File::create(folder.join("almanac.log"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .env("PORT", address.port().to_string())
            .env("ALMANAC_DATA_DIR", &data_dir)
            .env("LOG_FORMAT", "json")
            .env("OPENAI_BASE_URL", format!("http://{upstream}/v1"))
            .env("OPENAI_API_KEY", "bench")
            .env("RATE_LIMIT_SCALE", "1000000")
            // So that no scheduled job runs in the middle of a turn.
            .env("JOB_WORKERS", "0")
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log);
        let mut running = Running::start(&mut command).with_context(|| {
            format!("{} is needed: cargo build --release -p server --bin almanac", program.display())
        })?;
        let begun = Instant::now();
        while begun.elapsed() < START_TIMEOUT {
            running.check().with_context(|| format!("see {}", folder.join("almanac.log").display()))?;
            if TcpStream::connect(address).await.is_ok() {
                let health = wire::request("GET", "/api/health?deep=1", &[], "");
                if call(address, &health).await.is_ok() {
                    return Ok(Self { running, address, data_dir });
                }
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("almanac does not start, see {}", folder.join("almanac.log").display())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// The database's processes.
    pub(crate) fn database_pids(&self) -> Vec<u32> {
        process::descendants(self.pid())
    }

    /// The folder of the database's socket.
    pub(crate) fn socket_folder(&self) -> PathBuf {
        self.data_dir.join(SOCKET_FOLDER)
    }

    /// What the database says.
    pub(crate) fn database_log(&self) -> PathBuf {
        self.data_dir.join(DATABASE_LOG)
    }

    /// Where a login reaches the database.
    pub(crate) fn database_url(&self, role: &str) -> String {
        let folder = self.socket_folder().display().to_string().replace('/', "%2F");
        format!("postgres://{role}@{folder}/almanac")
    }

    /// A connection that may do everything, to lay out data and to look at results.
    pub(crate) async fn superuser(&self) -> Result<tokio_postgres::Client> {
        let (client, connection) =
            tokio_postgres::connect(&self.database_url("postgres"), tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Registers users.
    pub(crate) async fn register(&self, count: usize) -> Result<Vec<User>> {
        let mut users = Vec::with_capacity(count);
        for _ in 0..count {
            let email = format!("bench-{}-{}@example.com", crate::sample::now_us(), users.len());
            users.push(self.enter("register", email).await?);
        }
        Ok(users)
    }

    /// Gets everybody a new token, as one lasts a quarter of an hour.
    pub(crate) async fn log_in(&self, users: &mut [User]) -> Result<()> {
        for user in users {
            *user = self.enter("login", std::mem::take(&mut user.email)).await?;
        }
        Ok(())
    }

    async fn enter(&self, route: &str, email: String) -> Result<User> {
        let body = json!({"email": email, "password": PASSWORD}).to_string();
        let request = wire::request("POST", &format!("/api/auth/{route}"), &[], &body);
        let answer = call(self.address, &request).await?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("an answer without its fields");
        Ok(User { id: text(&answer["user"]["id"])?, token: text(&answer["access_token"])?, email })
    }
}

/// One request on a connection of its own; the answer must be a success in JSON.
pub(crate) async fn call(address: SocketAddr, request: &[u8]) -> Result<Value> {
    let mut connection = Connection::new(TcpStream::connect(address).await?)?;
    connection.write(request).await?;
    let mut head = connection.answer().await?;
    let body = connection.body(&mut head, |_, _| {}).await?;
    ensure!(head.subject.starts_with('2'), "status {}: {}", head.subject, String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}

/// An address that nobody listens at, for a program that must be told one.
pub(crate) async fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

/// SQL that lays out a user's messages, in conversations of twenty.
pub(crate) fn messages(user: &str, count: usize) -> String {
    format!(
        "with c as (
             insert into conversations (id, user_id, title, created_at, updated_at)
             select gen_random_uuid(), '{user}', 'Plans ' || n, now(), now()
             from generate_series(1, {count} / 20) n
             returning id
         ), numbered as (
             select id, row_number() over () as number from c
         )
         insert into messages (id, conversation_id, user_id, role, content, model, finish_reason, input_tokens,
                               output_tokens, created_at, updated_at)
         select gen_random_uuid(), c.id, '{user}', case when n % 2 = 1 then 'user' else 'assistant' end,
                repeat('Some words about the plan for ' || n || '. ', 8), 'openai/bench',
                case when n % 2 = 0 then 'stop' end, case when n % 2 = 0 then 90 end,
                case when n % 2 = 0 then 60 end, now() - make_interval(mins => n), now() - make_interval(mins => n)
         from generate_series(1, {count}) n
         join numbered c on c.number = 1 + n % ({count} / 20)"
    )
}
