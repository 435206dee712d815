//! A reply ends while another writer, such as an import, holds its user's write lock: it can be read meanwhile, and is
//! complete after that.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::Client;

use super::reading::{Reading, ai_sdk_body, messages, parts, text};
use crate::app::{Actor, TestApp};
use crate::fakes::model::ModelFake;

const WORDS: [&str; 4] = ["One ", "two ", "three ", "four."];
/// Who waits for a lock like that of a user's writers.
const WAITING: &str = "pg_locks where locktype = 'advisory' and not granted
    and database = (select oid from pg_database where datname = current_database())";

/// Another writer of this user.
async fn lock(app: &TestApp, user: &Actor) -> Client {
    let writer = app.superuser().await;
    let user = user.id();
    let sql = format!("begin; select pg_advisory_xact_lock(hashtextextended('write ' || '{user}', 0))");
    writer.batch_execute(&sql).await.expect("the lock is free");
    writer
}

/// Waits until somebody waits for the lock.
async fn until_waiting(admin: &Client) {
    let waiting = async {
        while admin.query_typed(&format!("select pid from {WAITING}"), &[]).await.expect("it is told").is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("the ending is tried");
}

/// Until when the writer is taken to live, in seconds since 1970.
async fn alive_until(admin: &Client) -> f64 {
    let sql = "select extract(epoch from alive_until)::float8 from messages where status = 'streaming'";
    admin.query_typed_one(sql, &[]).await.expect("the reply").get(0)
}

/// The reply as others read it: whole, and its writer lives.
async fn check_read(reader: &Actor, conversation: &str) {
    let reply: Value = messages(reader, conversation).await[1].clone();
    assert_eq!((&reply["content"], &reply["status"]), (&json!(WORDS.concat()), &json!("streaming")));
}

#[tokio::test]
async fn the_reply_is_read_meanwhile_and_complete_in_the_end() {
    let fake = ModelFake::start().await;
    let url = fake.base_url();
    let app = TestApp::start_with([("OPENAI_BASE_URL", url.as_str()), ("CHAT_LEASE_SECONDS", "1")]).await;
    let alice = app.register("alice").await;
    // The first process has one connection, as a function has, with which it waits for the lock.
    let elsewhere = app.second_process().await;
    let (reader, admin) = (elsewhere.seen_by(&alice), app.superuser().await);
    let gate = fake.gated(WORDS);
    let reading = Reading::of_send(&alice, &ai_sdk_body("c", "m", "Count")).await;
    let conversation = reading.conversation();
    let writer = lock(&app, &alice).await;
    gate.finish();
    until_waiting(&admin).await;
    // Longer than the first try waits, and than the lease.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    check_read(&reader, &conversation).await;
    let alive_before = alive_until(&admin).await;
    // Longer than the writer is then taken to live.
    tokio::time::sleep(Duration::from_secs(7)).await;
    check_read(&reader, &conversation).await;
    assert!(alive_until(&admin).await > alive_before + 5.0, "it shows that it lives");
    writer.batch_execute("commit").await.expect("the other writer ends");
    let told = parts(&reading.rest_in_time().await);
    assert_eq!((text(&told), &told[told.len() - 1]["type"]), (WORDS.concat(), &json!("finish")));
    let reply = messages(&reader, &conversation).await[1].clone();
    assert_eq!((&reply["status"], &reply["usage"]["estimated"]), (&json!("complete"), &json!(false)));
}
