//! The outbox by way of a queue: whatever the queue does, each entry is delivered once and in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base::Db;
use base::config::Env;
use base::http_client::HttpClient;
use base::queue::JobsQueue;
use domain::outbox::{self, Kind};
use jobs::Job;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::event_source::EventSource;
use super::outbox::{Outbox, Standing};
use crate::app::{Answer, TestApp};
use crate::dice::Dice;
use crate::fakes::sqs::{Fate, Habits, SqsFake};

const PATIENCE: Duration = Duration::from_mins(1);
const LONG: Duration = Duration::from_mins(3);

/// The function `jobs` on this database, with connections of its own and this queue.
fn function(service_url: &str, settings: &[(&str, String)]) -> jobs::App {
    let env = Env::from_pairs(settings.iter().map(|(name, value)| (*name, value.clone())));
    jobs::App::from_env(&env.with("DATABASE_SERVICE_URL", service_url)).expect("the settings are right")
}

/// Requests' login, which announces over this queue.
fn announcing(outbox: &Outbox, queue: &SqsFake) -> Db {
    let queue = JobsQueue::from_env(&Env::from_pairs(queue.settings()), &HttpClient::default());
    outbox.app.clone().announcing(Arc::new(queue.expect("the settings are right").expect("there is a queue")))
}

async fn add(db: &Db, owner: Uuid, number: usize) {
    let mut tx = db.as_writer(owner).await.expect("a connection");
    outbox::add(&mut tx, owner, Kind::TendRecurrences, &json!({"number": number})).await.expect("it is added");
    tx.commit().await.expect("it is committed");
}

async fn sweep(function: &jobs::App) -> u64 {
    Job::Drain.run(function, Instant::now() + LONG).await.expect("the sweep runs")
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Each entry was begun once and delivered, each user's in their order.
fn check(standings: &[Standing], expected: usize) {
    assert_eq!(standings.len(), expected);
    for entry in standings {
        assert_eq!((entry.attempts, entry.delivered_at.is_some()), (1, true), "{entry:?}");
    }
    let mut owners: Vec<Uuid> = standings.iter().map(|entry| entry.user_id).collect();
    owners.sort_unstable();
    owners.dedup();
    for owner in owners {
        let times = standings.iter().filter(|entry| entry.user_id == owner).map(|entry| entry.delivered_at);
        assert!(times.is_sorted_by(|one, other| one < other), "{owner}'s came in another order");
    }
}

/// Everything that can happen to a call, most of it rarely.
fn fates(seed: u64) -> impl FnMut(&str) -> Fate + Send {
    let mut dice = Dice::seeded(seed);
    move |action| match dice.below(100) {
        0..10 => Fate::Throttled,
        10..20 => Fate::Broken,
        20..30 => Fate::CutAfterwards,
        30..40 if action == "SendMessageBatch" => Fate::HalfRefused,
        40..43 if action == "SendMessageBatch" => Fate::Silent,
        _ => Fate::Served,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_all_is_done_once_and_in_order() {
    const USERS: usize = 8;
    const ENTRIES: usize = 15;
    let seed = Dice::seed_of_run();
    let outbox = Outbox::open().await;
    let habits =
        Habits { visibility: Duration::from_millis(150), receipts_max: 100, doubled_one_in: 3, in_order: false };
    let queue = SqsFake::start_with(habits, seed, fates(seed)).await;
    let service_url = outbox.database.url("almanac_service");
    let functions = (0..3).map(|_| function(&service_url, &queue.settings())).collect();
    let _source = EventSource::start(&queue, functions);
    let db = announcing(&outbox, &queue);
    let mut users = Vec::new();
    for _ in 0..USERS {
        users.push(outbox.user().await);
    }
    let writers = users.iter().map(|&user| {
        let db = &db;
        async move {
            for number in 0..ENTRIES {
                add(db, user, number).await;
            }
        }
    });
    futures_util::future::join_all(writers).await;
    // What was lost on the way is found by the sweep.
    let sweeper = function(&service_url, &queue.settings());
    until("nothing waits", async || {
        sweep(&sweeper).await;
        !outbox.standings().await.iter().any(Standing::is_open)
    })
    .await;
    check(&outbox.standings().await, USERS * ENTRIES);
    assert!(queue.sent() > 0 && queue.dead_letters().is_empty(), "{:?}", queue.dead_letters());
}

#[tokio::test]
async fn a_sweep_hands_what_is_due_to_the_queue_and_takes_nothing() {
    let outbox = Outbox::open().await;
    for _ in 0..12 {
        let user = outbox.user().await;
        outbox.add_many(user, 2).await;
    }
    let queue = SqsFake::start().await;
    let service_url = outbox.database.url("almanac_service");
    let function = function(&service_url, &queue.settings());
    assert_eq!(sweep(&function).await, 12);
    assert_eq!((queue.sent(), queue.calls()), (12, 2), "one message for each user, ten at once");
    assert!(outbox.standings().await.iter().all(|entry| entry.attempts == 0), "the sweep delivers nothing");
    // Told twice, it is done once.
    assert_eq!(sweep(&function).await, 12);
    let _source = EventSource::start(&queue, vec![function.clone()]);
    until("the queue is empty", async || queue.waiting() == 0).await;
    check(&outbox.standings().await, 24);
    assert_eq!(sweep(&function).await, 0, "nothing is due");
}

#[tokio::test]
async fn without_the_queue_the_sweep_delivers() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let gone = format!("http://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    for fate in [Fate::Broken, Fate::Throttled, Fate::HalfRefused, Fate::Served] {
        let outbox = Outbox::open().await;
        let queue = SqsFake::start_with(Habits::default(), 0, move |_| fate).await;
        let mut settings = queue.settings();
        if fate == Fate::Served {
            // It would, if it were there.
            settings[1].1.clone_from(&gone);
        }
        let (alice, bob) = (outbox.user().await, outbox.user().await);
        outbox.add_many(alice, 2).await;
        outbox.add_many(bob, 1).await;
        assert_eq!(sweep(&function(&outbox.database.url("almanac_service"), &settings)).await, 3, "{fate:?}");
        check(&outbox.standings().await, 3);
    }
}

#[tokio::test]
async fn a_queue_that_takes_everything_and_calls_nobody_is_not_waited_for() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 2).await;
    let queue = SqsFake::start().await;
    let mut function = function(&outbox.database.url("almanac_service"), &queue.settings());
    function.clock = outbox.clock.clone();
    outbox.clock.advance(Duration::from_mins(4));
    assert_eq!(sweep(&function).await, 1, "it is handed over");
    assert_eq!(outbox.standings().await[0].attempts, 0);
    outbox.clock.advance(Duration::from_mins(2));
    assert_eq!(sweep(&function).await, 2, "it is overdue, and delivered");
    check(&outbox.standings().await, 2);
}

#[tokio::test]
async fn a_silent_queue_delays_a_request_by_a_second_and_loses_nothing() {
    let queue = SqsFake::start_with(Habits::default(), 0, |_| Fate::Silent).await;
    let settings = queue.settings();
    let app = TestApp::start_with(settings.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    let alice = app.register("alice").await;
    let asked = Instant::now();
    let left = Answer::of(alice.request(Method::DELETE, "/api/users/me")).await;
    assert_eq!(left.status, 202, "{}", left.text);
    // The TLS library starts within the first call, too.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(queue.calls() > 0);
    assert_eq!(sweep(&function(&app.database.url("almanac_service"), &settings)).await, 1);
    assert_eq!(receipt(&app, &left).await["status"], "done");
}

/// What the receipt of an erasure tells.
async fn receipt(app: &TestApp, left: &Answer) -> Value {
    app.anon().get(left.json()["status_url"].as_str().expect("an address")).await.json()
}

#[tokio::test]
async fn an_erasure_is_carried_out_at_once_without_any_sweep() {
    let queue = SqsFake::start().await;
    let settings = queue.settings();
    let app = TestApp::start_with(settings.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    let _source = EventSource::start(&queue, vec![function(&app.database.url("almanac_service"), &settings)]);
    for name in ["alice", "bob"] {
        let actor = app.register(name).await;
        let left = Answer::of(actor.request(Method::DELETE, "/api/users/me")).await;
        assert_eq!(left.status, 202, "{}", left.text);
        until("the erasure is done", async || receipt(&app, &left).await["status"] == "done").await;
    }
    assert_eq!(queue.sent(), 2);
}

#[tokio::test]
async fn messages_that_cannot_be_done_become_dead_letters() {
    let habits = Habits { visibility: Duration::from_millis(20), receipts_max: 3, ..Habits::default() };
    let queue = SqsFake::start_with(habits, 0, |_| Fate::Served).await;
    let away = "postgres://almanac_service@127.0.0.1:1/nowhere";
    let owner = base::Clock::system().new_id();
    let jobs_queue = JobsQueue::from_env(&Env::from_pairs(queue.settings()), &HttpClient::default());
    jobs_queue.expect("right").expect("there").send(&[owner]).await.expect("it is taken");
    let _source = EventSource::start(&queue, vec![function(away, &queue.settings())]);
    until("it is a dead letter", async || !queue.dead_letters().is_empty()).await;
    let [letter] = &queue.dead_letters()[..] else { panic!("one letter") };
    let letter: Value = serde_json::from_str(letter).expect("JSON");
    assert_eq!(letter, json!({"job": "deliver", "user_id": owner}));
}
