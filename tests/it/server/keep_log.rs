//! What people write, and what is secret, stays out of the embedded database's own log.

use base::config::Env;
use server::postgres::{EmbeddedPostgres, Options};
use tokio_postgres::{Client, NoTls};

const CANARY: &str = "canaryQx71Zw";

/// Statements that fail, each with the canary in what PostgreSQL says about it.
const FAILING: [&str; 7] = [
    "select 'canaryQx71Zw'::uuid",
    "select '{\"canaryQx71Zw\": '::jsonb",
    "select canaryQx71Zw",
    "insert into words values ('canaryQx71Zw')",
    "insert into words values ('canaryQx71Zw too long')",
    "do $$ begin raise exception 'canaryQx71Zw'; end $$",
    "alter role nobody_at_all password 'canaryQx71Zw'",
];

async fn connect(server: &EmbeddedPostgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.admin_url(), NoTls).await.expect("the server answers");
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn the_log_quotes_no_statement() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options::from_env(&Env::from_process()).expect("settings").for_tests(folder.path());
    let server = EmbeddedPostgres::start(&options).await.unwrap_or_else(|failure| panic!("{failure}"));
    let client = connect(&server).await;
    let table = format!(
        "create table words (word text primary key check (length(word) < 15)); insert into words values ('{CANARY}')"
    );
    client.batch_execute(&table).await.expect("arranged");
    for statement in FAILING {
        let error = client.batch_execute(statement).await.expect_err("it fails");
        assert!(error.as_db_error().is_some(), "{statement}: the client is told");
    }
    // A backend that dies is worth a line, with what it was doing.
    let pid: i32 = client.query_one("select pg_backend_pid()", &[]).await.expect("a process").get(0);
    let doing = tokio::spawn(async move { client.batch_execute(&format!("select pg_sleep(60), '{CANARY}'")).await });
    let watcher = connect(&server).await;
    let is_doing = "select exists (select from pg_stat_activity where pid = $1 and query like '%pg_sleep%')";
    while !watcher.query_one(is_doing, &[&pid]).await.expect("an answer").get::<_, bool>(0) {
        tokio::task::yield_now().await;
    }
    let killed = tokio::process::Command::new("kill").args(["-9", &pid.to_string()]).status().await;
    assert!(killed.expect("kill runs").success());
    doing.await.expect("no panic").expect_err("its connection ended");
    server.stop().await.unwrap_or_else(|failure| panic!("{failure}"));

    let log = std::fs::read_to_string(folder.path().join("postgres.log")).expect("a log");
    assert!(log.contains("terminated by signal 9"), "what happens to the server is told: {log}");
    assert!(!log.contains(CANARY), "{log}");
}
