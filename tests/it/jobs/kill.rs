//! The program is killed without warning at random moments under load, again and again. What it acknowledged is there,
//! what it did not acknowledge can be sent again and is there once, no change is missing from the log, and the
//! outbox loses nothing and keeps its order.

#![expect(clippy::print_stderr, reason = "a failure is repeated with its seed")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base::config::Env;
use base::{Db, params};
use domain::outbox::{self, Kind};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::app::{Actor, TestApp};
use crate::dice::Dice;
use crate::process::Process;

const KILLS: usize = 50;
const USERS: usize = 3;
const CLIENTS_PER_USER: usize = 2;
/// The longest that the program lives under load, and the shortest.
const LIFE_MS: std::ops::Range<usize> = 20..300;
/// What they ask for. Nothing recurs here, so handling it reads the database and does nothing.
const KIND: Kind = Kind::TendRecurrences;
/// How often each user's other writer adds an entry to the outbox.
const ENTRY_EVERY: Duration = Duration::from_millis(40);
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who makes one task after another, each under a key of its own, and goes on with the one that was cut off.
struct Writer {
    actor: Actor,
    name: String,
    sent: usize,
    /// The key of the write that was not acknowledged.
    open_key: Option<String>,
    /// The tasks that were acknowledged, by their keys, which are their titles too.
    acknowledged: Vec<(String, Uuid)>,
    resent: usize,
}

impl Writer {
    fn new(actor: Actor, name: String) -> Self {
        Self { actor, name, sent: 0, open_key: None, acknowledged: Vec::new(), resent: 0 }
    }

    /// Writes until the program is gone.
    async fn write(mut self, process: Actor) -> Self {
        while self.write_one(&process).await {}
        self
    }

    /// Makes a task, first of all the one that was cut off. False when the program is gone.
    async fn write_one(&mut self, process: &Actor) -> bool {
        self.resent += usize::from(self.open_key.is_some());
        let key = self.open_key.take().unwrap_or_else(|| {
            self.sent += 1;
            format!("{}-{}", self.name, self.sent)
        });
        if let Some(id) = post(process, &key).await {
            self.acknowledged.push((key, id));
            return true;
        }
        self.open_key = Some(key);
        false
    }
}

/// Makes a task and gives its id, when that is acknowledged.
async fn post(process: &Actor, key: &str) -> Option<Uuid> {
    let request = process.request(reqwest::Method::POST, "/api/tasks").header("idempotency-key", key);
    let response = request.json(&json!({"title": key})).send().await.ok()?;
    assert_eq!(response.status(), 201);
    let body: Value = serde_json::from_slice(&response.bytes().await.ok()?).ok()?;
    body["id"].as_str()?.parse().ok()
}

/// Adds entries for one user until it is told to stop, and gives how many. It is another process than the killed one.
async fn add_entries(db: Db, owner: Uuid, mut stop: watch::Receiver<bool>) -> usize {
    let mut count = 0;
    while !*stop.borrow() {
        let mut tx = db.as_writer(owner).await.expect("a connection");
        outbox::add(&mut tx, owner, KIND, &json!({})).await.expect("the entry is added");
        tx.commit().await.expect("the entry is committed");
        count += 1;
        drop(tokio::time::timeout(ENTRY_EVERY, stop.changed()).await);
    }
    count
}

/// Starts the program, lets everybody write for a while, and kills it.
async fn live_and_die(app: &TestApp, writers: Vec<Writer>, life: Duration) -> Vec<Writer> {
    let process = Process::start(app, [("RUST_LOG", "error")]).await;
    let mut writing = JoinSet::new();
    for writer in writers {
        let actor = process.seen_by(&writer.actor);
        writing.spawn(writer.write(actor));
    }
    tokio::time::sleep(life).await;
    process.end().await;
    writing.join_all().await
}

/// The time for which the dead workers held their entries is over.
async fn let_time_pass(superuser: &Client) {
    superuser.execute("update outbox_lanes set due_at = now() where claim is not null", &[]).await.expect("lanes");
}

async fn until_delivered(superuser: &Client) {
    let open = "select count(*) from outbox where delivered_at is null and dead_at is null";
    let delivered = async {
        while superuser.query_one(open, &[]).await.expect("the outbox").get::<_, i64>(0) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, delivered).await.expect("the outbox is delivered in the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost() {
    let seed = Dice::seed_of_run();
    let (mut dice, begun) = (Dice::seeded(seed), Instant::now());
    let app = TestApp::start().await;
    let superuser = app.superuser().await;
    let env =
        Env::from_pairs([("DATABASE_URL", app.database.url("almanac_app")), ("DATABASE_CONNECTIONS_MAX", "4".into())]);
    let db = Db::from_env(&env).expect("the address is right");
    let (stop, stopped) = watch::channel(false);
    let (mut writers, mut adding) = (Vec::new(), JoinSet::new());
    for user in 0..USERS {
        let actor = app.register(&format!("user{user}")).await;
        adding.spawn(add_entries(db.clone(), actor.id().parse().expect("a UUID"), stopped.clone()));
        let of_user = (0..CLIENTS_PER_USER).map(|client| Writer::new(actor.clone(), format!("u{user}c{client}")));
        writers.extend(of_user);
    }
    let mut lived = Duration::ZERO;
    for _ in 0..KILLS {
        let life = Duration::from_millis((LIFE_MS.start + dice.below(LIFE_MS.len())) as u64);
        lived += life;
        writers = live_and_die(&app, writers, life).await;
        let_time_pass(&superuser).await;
    }
    eprintln!("{KILLS} lives of {lived:?} together, in {:?}", begun.elapsed());
    stop.send(true).expect("somebody adds");
    let entries = adding.join_all().await.iter().sum();
    let process = Process::start(&app, []).await;
    for writer in &mut writers {
        let actor = process.seen_by(&writer.actor);
        assert!(writer.write_one(&actor).await, "the program lives");
    }
    until_delivered(&superuser).await;
    drop(process);
    check_tasks(&superuser, &writers).await;
    check_changes(&superuser).await;
    check_outbox(&superuser, entries).await;
}

async fn check_tasks(superuser: &Client, writers: &[Writer]) {
    let rows = superuser.query_typed("select title, id from tasks order by id", &[]).await.expect("the tasks");
    let mut found: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
    for row in &rows {
        found.entry(row.get(0)).or_default().push(row.get(1));
    }
    let mut acknowledged = 0;
    for (key, id) in writers.iter().flat_map(|writer| &writer.acknowledged) {
        assert_eq!(found.get(key), Some(&vec![*id]), "{key}");
        acknowledged += 1;
    }
    assert_eq!(rows.len(), acknowledged, "a task that nobody was told of");
    let resent: usize = writers.iter().map(|writer| writer.resent).sum();
    eprintln!("{acknowledged} tasks, {resent} of them sent again");
    assert!(resent > KILLS / 2, "the kills cut off hardly anything");
    for writer in writers {
        let sent: Vec<&str> = writer.acknowledged.iter().map(|(key, _)| key.as_str()).collect();
        let logged = "select after ->> 'title' from changes
                      where entity = 'task' and operation = 'insert' and starts_with(after ->> 'title', $1) order by seq";
        let prefix = format!("{}-", writer.name);
        let logged = superuser.query_typed(logged, params![prefix]).await.expect("the log");
        let logged: Vec<&str> = logged.iter().map(|row| row.get(0)).collect();
        assert_eq!(logged, sent, "each task is in the log once, in the order in which it was made");
    }
}

async fn check_changes(superuser: &Client) {
    let gaps = "select user_id::text, count(*), min(seq), max(seq) from changes group by user_id";
    for row in superuser.query_typed(gaps, &[]).await.expect("the log") {
        let (user, count, first, last): (String, i64, i64, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
        assert_eq!((first, last), (1, count), "{user}'s changes have a gap");
    }
    let disorder = "select count(*) from (
        select changed_at < lag(changed_at) over (partition by user_id order by seq) as is_before from changes) c
        where is_before";
    assert_eq!(superuser.query_one(disorder, &[]).await.expect("the log").get::<_, i64>(0), 0);
}

async fn check_outbox(superuser: &Client, entries: usize) {
    let counts = "select count(*), count(delivered_at), count(*) filter (where attempts > 1) from outbox";
    let row = superuser.query_one(counts, &[]).await.expect("the outbox");
    let (all, delivered, cut): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    eprintln!("{all} entries, {cut} of them tried more than once");
    assert_eq!((all, delivered), (i64::try_from(entries).expect("a count"), all));
    let disorder = "select count(*) from (
        select delivered_at <= lag(delivered_at) over (partition by user_id order by id) as is_before from outbox) o
        where is_before";
    assert_eq!(superuser.query_one(disorder, &[]).await.expect("the outbox").get::<_, i64>(0), 0);
}
