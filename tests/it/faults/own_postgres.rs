//! A PostgreSQL of a test's own, which may be ended in any way, and the program on it.

use auth::SigningKey;
use base::config::Env;
use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret;
use server::postgres::{EmbeddedPostgres, Options};
use server::{migrate, terminal};
use tempfile::TempDir;
use tokio::process::Command;
use tokio_postgres::{Client, NoTls};

use crate::cluster;
use crate::process::Process;

const DATABASE: &str = "almanac";

/// The server with its data. Unlike that of the other tests it loses nothing that was committed.
pub(super) struct OwnPostgres {
    folder: TempDir,
    options: Options,
    server: Option<EmbeddedPostgres>,
}

impl OwnPostgres {
    /// Creates it, with the schema.
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir_in(cluster::folder_of_runs()).expect("a temporary folder");
        let options = Options::from_env(&Env::from_process()).expect("settings");
        let options = Options { data_dir: folder.path().to_owned(), progress: terminal::silent, ..options };
        let mut own = Self { folder, options, server: None };
        own.start_again().await;
        own.server().ensure_database(DATABASE).await.expect("the database is created");
        let mut client = own.superuser().await;
        migrate::run(&mut client, &migrate::embedded(), terminal::silent).await.expect("the migrations apply");
        own
    }

    /// Starts it after it was ended.
    pub(super) async fn start_again(&mut self) {
        assert!(self.server.is_none(), "it runs");
        self.server = Some(EmbeddedPostgres::start(&self.options).await.unwrap_or_else(|failure| panic!("{failure}")));
    }

    /// A fast shutdown: sessions are ended, what is open is rolled back.
    pub(super) async fn stop(&mut self) {
        self.server.take().expect("it runs").stop().await.unwrap_or_else(|failure| panic!("{failure}"));
    }

    /// Sends its first process a signal: `QUIT` for an immediate shutdown, `KILL` for none at all.
    pub(super) async fn end_by(&mut self, signal: Signal) {
        let file = self.folder.path().join("postgres/postmaster.pid");
        let text = std::fs::read_to_string(file).expect("it runs");
        let pid = text.lines().next().and_then(|line| line.parse().ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), signal).expect("the signal is sent");
        drop(self.server.take().expect("it runs").ended().await);
    }

    /// Ends every session of the program, as a failover or an administrator does.
    pub(super) async fn end_sessions(&self) {
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'almanac'";
        self.superuser().await.query(sql, &[]).await.expect("the sessions end");
    }

    /// The program on this database, for thousands of requests.
    pub(super) async fn serve(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_almanac"));
        let key = SigningKey::generate_pem();
        command
            .arg("serve")
            .env_clear()
            .env("PORT", "0")
            .env("DATABASE_URL", self.server().url(DATABASE, "almanac_app"))
            .env("DATABASE_SERVICE_URL", self.server().url(DATABASE, "almanac_service"))
            .env("AUTH_SIGNING_KEY", key.expose_secret())
            .env("RATE_LIMIT_SCALE", "1000");
        Process::spawn(command).await
    }

    async fn superuser(&self) -> Client {
        let url = self.server().admin_url_of(DATABASE);
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("the server answers");
        tokio::spawn(connection);
        client
    }

    fn server(&self) -> &EmbeddedPostgres {
        self.server.as_ref().expect("it runs")
    }
}
