//! What goes wrong in jobs is reported, and how the outbox stands is measured.

use std::time::{Duration, Instant};

use base::config::Env;
use base::run::Event;
use domain::outbox::{self, Settlement};
use jobs::Job;
use serde_json::{Value, json};
use tokio::process::Command;

use super::outbox::Outbox;
use crate::fakes::sentry::SentryFake;

fn function(service_url: &str, dsn: &str) -> jobs::App {
    let env = Env::from_pairs([("DATABASE_SERVICE_URL", service_url), ("SENTRY_DSN", dsn)]);
    jobs::App::from_env(&env).expect("the settings are right")
}

/// The job that the next report is about, and its user.
async fn next(sentry: &mut SentryFake) -> (String, Value) {
    let event = sentry.next_event().await;
    (event["transaction"].as_str().expect("a name").to_owned(), event["user"]["id"].clone())
}

#[tokio::test]
async fn jobs_and_messages_that_fail_are_reported() {
    let mut sentry = SentryFake::start().await;
    let away = function("postgres://almanac_service@127.0.0.1:1/nowhere", &sentry.dsn);
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
        assert_eq!(next(&mut sentry).await, (reported.0.to_owned(), reported.1));
    }
}

#[tokio::test]
async fn an_entry_is_reported_when_it_is_given_up_and_not_before() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    // A kind that nobody handles here.
    let insert = "insert into outbox (user_id, kind, attempts) values ($1, 'early', 0), ($1, 'late', 11)";
    outbox.superuser.execute(insert, &[&alice]).await.expect("entries");
    let mut sentry = SentryFake::start().await;
    let mut function = function(&outbox.database.url("almanac_service"), &sentry.dsn);
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
    assert_eq!(next(&mut sentry).await, ("job outbox late".to_owned(), json!(alice)));
    assert!(sentry.is_idle(), "an attempt that will be repeated is no news");
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
