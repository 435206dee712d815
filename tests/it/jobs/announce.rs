//! What is added to the outbox is announced: once it is committed, with the connection given back, and not before.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base::Db;
use base::config::Env;
use base::queue::{Announce, OWNERS_MAX};
use domain::outbox::{self, Kind};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jobs::{Limits, Worker};
use reqwest::Method;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::outbox::Outbox;
use crate::app::{Answer, TestApp};

/// Notes what it is told, and what the database shows at that moment over the only connection that there is.
#[derive(Debug, Default)]
struct Listener {
    db: OnceLock<Db>,
    /// The owners, and how many of their entries could be seen.
    heard: Mutex<Vec<(Vec<Uuid>, i64)>>,
}

impl Announce for Listener {
    fn announce<'a>(&'a self, owners: &'a [Uuid]) -> BoxFuture<'a, ()> {
        let listen = async move {
            let db = self.db.get().expect("the database is known");
            let mut tx = db.as_service().await.expect("the connection was given back");
            let sql = "select count(*) from outbox where user_id = any($1)";
            let seen = tx.query_one(sql, base::params![owners.to_vec()]).await.expect("the outbox").get(0);
            self.heard.lock().expect("no holder panics").push((owners.to_vec(), seen));
        };
        listen.boxed()
    }
}

impl Listener {
    fn heard(&self) -> Vec<(Vec<Uuid>, i64)> {
        std::mem::take(&mut self.heard.lock().expect("no holder panics"))
    }
}

/// A login of the service with one connection, and who listens to it.
fn listened_to(outbox: &Outbox) -> (Db, Arc<Listener>) {
    let env = Env::from_pairs([("DATABASE_SERVICE_URL", outbox.database.url("almanac_service"))]);
    let db = Db::service_from_env(&env).expect("the address is right");
    let listener = Arc::<Listener>::default();
    listener.db.set(db.clone()).expect("it is set once");
    (db.announcing(Arc::<Listener>::clone(&listener)), listener)
}

#[tokio::test]
async fn after_the_commit_and_with_the_connection_given_back() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    let (db, listener) = listened_to(&outbox);
    let mut tx = db.as_job(alice, outbox.clock.new_id()).await.unwrap();
    for number in 0..2 {
        outbox::add(&mut tx, alice, Kind::TendRecurrences, &json!({"number": number})).await.unwrap();
    }
    assert_eq!(listener.heard(), [], "nothing is committed yet");
    tx.commit().await.unwrap();
    assert_eq!(listener.heard(), [(vec![alice], 2)], "told once of one owner");
    // The other way to commit.
    let mut tx = db.as_job(alice, outbox.clock.new_id()).await.unwrap();
    outbox::add(&mut tx, alice, Kind::TendRecurrences, &json!({})).await.unwrap();
    tx.execute_and_commit("select 1", &[]).await.unwrap();
    assert_eq!(listener.heard(), [(vec![alice], 3)]);
}

#[tokio::test]
async fn not_what_was_rolled_back_or_was_there_already() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    let (db, listener) = listened_to(&outbox);
    let mut tx = db.as_job(alice, outbox.clock.new_id()).await.unwrap();
    outbox::add(&mut tx, alice, Kind::TendRecurrences, &json!({})).await.unwrap();
    drop(tx);
    let mut tx = db.as_job(alice, outbox.clock.new_id()).await.unwrap();
    outbox::add(&mut tx, alice, Kind::TendRecurrences, &json!({})).await.unwrap();
    let broken = tx.execute_and_commit("select 1 / 0", &[]).await;
    assert!(broken.is_err());
    assert_eq!(listener.heard(), []);
    for expected in [1, 0] {
        let mut tx = db.as_job(alice, outbox.clock.new_id()).await.unwrap();
        outbox::add_single(&mut tx, alice, Kind::TendRecurrences, &json!({})).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(listener.heard().len(), expected);
    }
}

#[tokio::test]
async fn no_more_owners_than_one_call_of_a_queue_takes() {
    let outbox = Outbox::open().await;
    let mut owners = Vec::new();
    for _ in 0..OWNERS_MAX + 3 {
        owners.push(outbox.user().await);
    }
    let (db, listener) = listened_to(&outbox);
    let mut tx = db.as_service().await.unwrap();
    outbox::add_single_to_each(&mut tx, owners.clone(), Kind::TendRecurrences).await.unwrap();
    tx.commit().await.unwrap();
    let [(told, seen)] = &listener.heard()[..] else { panic!("told once") };
    assert_eq!((told.len(), *seen), (OWNERS_MAX, i64::try_from(OWNERS_MAX).unwrap()));
    assert!(told.iter().all(|owner| owners.contains(owner)));
}

/// A worker that would look for entries by itself after an hour only, and tells what it is given.
fn sleeper(outbox_of: &TestApp) -> (Worker, mpsc::UnboundedReceiver<String>) {
    let env = Env::from_pairs([("DATABASE_SERVICE_URL", outbox_of.database.url("almanac_service"))]);
    let db = Db::service_from_env(&env).expect("the address is right");
    let limits = Limits { poll: Duration::from_hours(1), ..Limits::default() };
    let (given, kinds) = mpsc::unbounded_channel();
    let worker = Worker::new(db, outbox_of.clock.clone(), limits, move |entry| {
        given.send(entry.kind).expect("the test listens");
        async { Ok(()) }
    });
    (worker.woken_by(outbox_of.bell()), kinds)
}

#[tokio::test]
async fn a_request_wakes_the_workers_of_its_process() {
    let app = TestApp::start().await;
    let (worker, mut kinds) = sleeper(&app);
    let (stop, stopped) = watch::channel(false);
    let running = [tokio::spawn(worker.clone().run(stopped.clone())), tokio::spawn(worker.run(stopped))];
    for name in ["alice", "bob", "carol"] {
        let actor = app.register(name).await;
        let left = Answer::of(actor.request(Method::DELETE, "/api/users/me")).await;
        assert_eq!(left.status, 202, "{}", left.text);
        let kind = tokio::time::timeout(Duration::from_secs(20), kinds.recv()).await;
        assert_eq!(kind.expect("it is delivered long before the hour is over").as_deref(), Some("erase_user"));
    }
    stop.send(true).expect("the workers run");
    for worker in running {
        worker.await.expect("no worker panics");
    }
}
