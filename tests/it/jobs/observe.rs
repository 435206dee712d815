//! What goes wrong in jobs is reported, and how the outbox stands is measured.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use base::config::Env;
use base::run::Event;
use domain::outbox::{self, Settlement};
use jobs::Job;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;

use super::outbox::Outbox;

const PATIENCE: Duration = Duration::from_secs(20);

/// A stand-in for Sentry, and the events that it gets.
async fn sentry() -> (String, mpsc::UnboundedReceiver<Value>) {
    let (received, events) = mpsc::unbounded_channel();
    let take = async move |State(received): State<mpsc::UnboundedSender<Value>>, body: String| {
        let event = body.lines().nth(2).expect("the third line is the event");
        received.send(serde_json::from_str(event).expect("JSON")).expect("the test listens");
    };
    let router = Router::new().route("/api/42/envelope/", post(take)).with_state(received);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let dsn = format!("http://abc123@{}/42", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await.expect("the fake serves") });
    (dsn, events)
}

fn function(service_url: &str, dsn: &str) -> jobs::App {
    let env = Env::from_pairs([("DATABASE_SERVICE_URL", service_url), ("SENTRY_DSN", dsn)]);
    jobs::App::from_env(&env).expect("the settings are right")
}

/// The job that the next report is about, and its user.
async fn next(events: &mut mpsc::UnboundedReceiver<Value>) -> (String, Value) {
    let event = tokio::time::timeout(PATIENCE, events.recv()).await.expect("it comes").expect("the fake serves");
    (event["transaction"].as_str().expect("a name").to_owned(), event["user"]["id"].clone())
}

#[tokio::test]
async fn jobs_and_messages_that_fail_are_reported() {
    let (dsn, mut events) = sentry().await;
    let away = function("postgres://almanac_service@127.0.0.1:1/nowhere", &dsn);
    let owner = away.clock.new_id();
    let deliver = json!({"job": "deliver", "user_id": owner}).to_string();
    for (body, reported) in [
        (deliver, ("job deliver", json!(owner))),
        (json!({"job": "drain"}).to_string(), ("job drain", Value::Null)),
        ("no job".to_owned(), ("job message", Value::Null)),
    ] {
        let payload = json!({"Records": [{"messageId": "m0", "body": body}]});
        let answer = jobs::handle(away.clone(), Event { payload, time_left: Duration::from_mins(3) }).await;
        assert_eq!(answer.expect("a batch is answered")["batchItemFailures"][0]["itemIdentifier"], "m0");
        assert_eq!(next(&mut events).await, (reported.0.to_owned(), reported.1));
    }
}

#[tokio::test]
async fn an_entry_is_reported_when_it_is_given_up_and_not_before() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    // A kind that nobody handles here.
    let insert = "insert into outbox (user_id, kind, attempts) values ($1, 'early', 0), ($1, 'late', 11)";
    outbox.superuser.execute(insert, &[&alice]).await.expect("entries");
    let (dsn, mut events) = sentry().await;
    let mut function = function(&outbox.database.url("almanac_service"), &dsn);
    function.clock = outbox.clock.clone();
    let until = || Instant::now() + Duration::from_mins(3);
    assert_eq!(function.worker().deliver(alice, until()).await.expect("the database answers"), 1);
    // The first is set aside, so that the second is tried for the last time.
    let held = {
        outbox.clock.advance(Duration::from_hours(2));
        outbox.claim().await.expect("it is due again")
    };
    assert!(outbox.settle(&held, Settlement::Delivered).await);
    assert_eq!(function.worker().deliver(alice, until()).await.expect("the database answers"), 1);
    assert_eq!(next(&mut events).await, ("job outbox late".to_owned(), json!(alice)));
    assert!(events.try_recv().is_err(), "an attempt that will be repeated is no news");
}

#[tokio::test]
async fn a_sweep_measures_how_the_outbox_stands() {
    let outbox = Outbox::open().await;
    let (alice, bob) = (outbox.user().await, outbox.user().await);
    outbox.add_many(alice, 1).await;
    let claim = outbox.claim().await.expect("an entry is due");
    assert!(outbox.settle(&claim, Settlement::Dead { reason: String::new() }).await);
    outbox.add_many(bob, 1).await;
    outbox.superuser.execute("update outbox_lanes set due_at = due_at - interval '100 s'", &[]).await.expect("lanes");
    let standing = outbox::standing(outbox.service.as_service().await.unwrap(), outbox.clock.now()).await.unwrap();
    assert_eq!((standing.given_up, standing.waiting.expect("bob waits").as_secs() / 10), (1, 10));
    let mut program = Command::new(env!("CARGO_BIN_EXE_almanac"));
    program.args(["jobs", "run", Job::Drain.name()]).env_clear().env("METRICS", "emf");
    program.env("DATABASE_SERVICE_URL", outbox.database.url("almanac_service"));
    let output = program.output().await.expect("the program runs");
    let written = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = written.lines().find_map(|line| serde_json::from_str::<Value>(line).ok()).expect("a line of EMF");
    assert_eq!(line["outbox_given_up"], 1, "{written}");
    assert!(line["outbox_waiting_seconds"].as_u64().is_some_and(|seconds| (100..200).contains(&seconds)), "{written}");
    let standing = outbox::standing(outbox.service.as_service().await.unwrap(), outbox.clock.now()).await.unwrap();
    assert_eq!(standing.waiting, None, "it was delivered");
}
