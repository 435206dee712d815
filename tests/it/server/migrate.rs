//! The migration runner on a real PostgreSQL.

use server::migrate::{self, Migration};
use server::terminal::silent;
use tokio_postgres::{Client, NoTls};

use crate::cluster::TestDatabase;

/// A file that is newer than all of the program's.
fn migration(number: u32, sql: &str) -> Migration {
    Migration::new(&format!("2999010100{number:04}_test.sql"), sql).expect("a whole migration")
}

async fn connect(database: &TestDatabase) -> Client {
    let (client, connection) =
        tokio_postgres::connect(&database.url("postgres"), NoTls).await.expect("the server answers");
    tokio::spawn(connection);
    client
}

async fn apply(client: &mut Client, migrations: &[Migration]) -> Result<usize, String> {
    let mut all = migrate::embedded();
    all.extend_from_slice(migrations);
    let applied = migrate::run(client, &all, silent).await;
    applied.map(|applied| applied.len()).map_err(|failure| failure.to_string())
}

#[tokio::test]
async fn two_runners_at_once_apply_each_file_once() {
    let database = TestDatabase::create().await;
    let (mut one, mut two) = (connect(&database).await, connect(&database).await);
    let files = [migration(1, "create table a (); select pg_sleep(0.2);"), migration(2, "create table b ();")];
    let (first, second) = tokio::join!(apply(&mut one, &files), apply(&mut two, &files));
    assert_eq!(first.unwrap() + second.unwrap(), 2);
}

#[tokio::test]
async fn a_failing_file_leaves_nothing_and_keeps_those_before_it() {
    let database = TestDatabase::create().await;
    let mut client = connect(&database).await;
    let files = [migration(1, "create table kept ();"), migration(2, "create table lost ();\nselect nonsense;")];
    let failure = apply(&mut client, &files).await.unwrap_err();
    assert!(failure.contains("29990101000002_test failed and left nothing behind (line 2)"), "{failure}");
    let row =
        client.query_one("select to_regclass('kept') is not null, to_regclass('lost') is null", &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), (true, true));
    let files = [files[0].clone(), migration(2, "create table lost ();")];
    assert_eq!(apply(&mut client, &files).await, Ok(1));
}

#[tokio::test]
async fn a_changed_file_is_refused() {
    let database = TestDatabase::create().await;
    let mut client = connect(&database).await;
    apply(&mut client, &[migration(1, "create table a ();")]).await.unwrap();
    let failure = apply(&mut client, &[migration(1, "create table a (b int);")]).await.unwrap_err();
    assert!(failure.contains("changed after they were applied: 29990101000001_test"), "{failure}");
}

#[tokio::test]
async fn what_a_newer_program_applied_is_named_and_served_but_not_migrated() {
    let database = TestDatabase::create().await;
    let mut client = connect(&database).await;
    apply(&mut client, &[migration(7, "create table a ();")]).await.unwrap();
    let status = migrate::status(&client, &migrate::embedded()).await.unwrap();
    status.require_servable().expect("the version before must be able to come back");
    let failure = status.require_known().unwrap_err().to_string();
    assert!(failure.contains("does not know") && failure.contains("29990101000007"), "{failure}");
    let failure = migrate::run(&mut client, &migrate::embedded(), silent).await.unwrap_err().to_string();
    assert!(failure.contains("belongs to a newer one"), "{failure}");
}

#[tokio::test]
async fn a_file_may_ask_for_no_transaction() {
    let database = TestDatabase::create().await;
    let mut client = connect(&database).await;
    let files = [
        migration(1, "create table a (b int); insert into a values (1), (1);"),
        migration(2, "-- no-transaction\ncreate index concurrently a_b on a (b);"),
    ];
    assert_eq!(apply(&mut client, &files).await, Ok(2));
    let unique = migration(3, "-- no-transaction\ncreate unique index concurrently a_b_unique on a (b);");
    let all = [files[0].clone(), files[1].clone(), unique];
    assert!(apply(&mut client, &all).await.is_err(), "the rows are not unique");
    let retried = [
        files[0].clone(),
        files[1].clone(),
        migration(3, "-- no-transaction\ncreate unique index concurrently if not exists a_b_unique on a (b);"),
    ];
    let failure = apply(&mut client, &retried).await.unwrap_err();
    assert!(failure.contains("not valid: a_b_unique"), "{failure}");
}

#[tokio::test]
async fn what_a_file_sets_ends_with_it() {
    let database = TestDatabase::create().await;
    let mut client = connect(&database).await;
    let files =
        [migration(1, "set search_path = pg_catalog; set role authenticated;"), migration(2, "create table a ();")];
    assert_eq!(apply(&mut client, &files).await, Ok(2));
}
