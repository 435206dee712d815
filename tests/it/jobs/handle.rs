//! Events of schedules and queues, as Lambda hands them over, and what `template.yaml` says of them.

use std::time::Duration;

use base::config::Env;
use base::run::Event;
use domain::outbox::Settlement;
use jobs::Job;
use serde_json::{Value, json};
use uuid::Uuid;

use super::outbox::{Outbox, Standing};

async fn handle(outbox: &Outbox, payload: Value, time_left: Duration) -> base::Result<Value> {
    jobs::handle(outbox.jobs(), Event { payload, time_left }).await
}

fn batch(bodies: &[Value]) -> Value {
    let message = |(index, body): (usize, &Value)| {
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        json!({"messageId": format!("m{index}"), "receiptHandle": "h", "body": body, "eventSource": "aws:sqs",
               "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {}, "awsRegion": "us-east-1"})
    };
    json!({"Records": bodies.iter().enumerate().map(message).collect::<Vec<_>>()})
}

const LONG: Duration = Duration::from_mins(3);

#[tokio::test]
async fn a_schedule_runs_its_job() {
    let outbox = Outbox::open().await;
    for job in Job::ALL {
        let answer = handle(&outbox, json!({"job": job}), LONG).await.expect("the job runs");
        assert_eq!(answer, json!({"job": job.name(), "count": 0}));
    }
}

#[tokio::test]
async fn a_batch_names_the_messages_that_failed() {
    let outbox = Outbox::open().await;
    let bodies = [json!({"job": "drain"}), json!("no JSON"), json!({"job": "unheard_of"}), json!({"job": "prune"})];
    let answer = handle(&outbox, batch(&bodies), LONG).await.expect("the batch is answered");
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]}));
    let answer = handle(&outbox, batch(&bodies[..1]), Duration::ZERO).await.expect("the batch is answered");
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m0"}]}), "without time it comes again");
    assert_eq!(handle(&outbox, batch(&[]), LONG).await.unwrap(), json!({"batchItemFailures": []}));
}

#[tokio::test]
async fn a_message_delivers_what_is_due_of_one_user() {
    let outbox = Outbox::open().await;
    let (alice, bob) = (outbox.user().await, outbox.user().await);
    outbox.add_many(alice, 3).await;
    outbox.add_many(bob, 1).await;
    let deliver = json!({"job": "deliver", "user_id": alice});
    // Doubled, and for somebody who has nothing, or is nobody.
    let nobody = json!({"job": "deliver", "user_id": outbox.clock.new_id()});
    let bodies = [deliver.clone(), deliver.clone(), nobody];
    let answer = handle(&outbox, batch(&bodies), LONG).await.expect("the batch is answered");
    assert_eq!(answer, json!({"batchItemFailures": []}));
    let delivered = |entry: &Standing| (entry.user_id == alice, entry.attempts, entry.delivered_at.is_some());
    let standings: Vec<_> = outbox.standings().await.iter().map(delivered).collect();
    assert_eq!(standings, [(true, 1, true), (true, 1, true), (true, 1, true), (false, 0, false)]);
    let answer = handle(&outbox, deliver, LONG).await.expect("it is called directly, too");
    assert_eq!(answer, json!({"job": "deliver", "count": 0}));
}

#[tokio::test]
async fn a_lane_that_is_not_this_callers_or_not_due_is_no_failure() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    outbox.add_many(alice, 1).await;
    let deliver = json!({"job": "deliver", "user_id": alice});
    let held = outbox.claim().await.expect("an entry is due");
    assert_eq!(handle(&outbox, deliver.clone(), LONG).await.unwrap()["count"], 0, "in other hands");
    let due_at = outbox.clock.now() + Duration::from_mins(1);
    assert!(outbox.settle(&held, Settlement::Failed { due_at, reason: String::new() }).await);
    assert_eq!(
        handle(&outbox, batch(std::slice::from_ref(&deliver)), LONG).await.unwrap(),
        json!({"batchItemFailures": []})
    );
    assert_eq!(outbox.standings().await[0].attempts, 1, "not due");
    outbox.clock.advance(Duration::from_mins(2));
    assert_eq!(handle(&outbox, deliver, LONG).await.unwrap()["count"], 1);
}

#[tokio::test]
async fn a_delivery_that_fails_is_not_the_messages_failure() {
    let outbox = Outbox::open().await;
    let alice = outbox.user().await;
    // Of a newer program's kind.
    let insert = "insert into outbox (user_id, kind) values ($1, 'unheard_of')";
    outbox.superuser.execute(insert, &[&alice]).await.expect("an entry");
    let answer = handle(&outbox, batch(&[json!({"job": "deliver", "user_id": alice})]), LONG).await;
    assert_eq!(answer.unwrap(), json!({"batchItemFailures": []}));
    let [entry] = &outbox.standings().await[..] else { panic!("one entry") };
    assert!(entry.is_open() && entry.attempts == 1 && entry.last_error.is_some(), "{entry:?}");
}

#[tokio::test]
async fn a_message_fails_when_the_database_cannot_be_asked() {
    let outbox = Outbox::open().await;
    let env = Env::from_pairs([("DATABASE_SERVICE_URL", "postgres://almanac_service@127.0.0.1:1/nowhere")]);
    let jobs = jobs::App::from_env(&env).expect("the settings are right");
    let bodies = [json!({"job": "deliver", "user_id": outbox.clock.new_id()}), json!({"job": "prune"})];
    let event = Event { payload: batch(&bodies), time_left: LONG };
    let answer = jobs::handle(jobs, event).await.expect("the batch is answered");
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}));
}

#[tokio::test]
async fn other_events_are_refused() {
    let outbox = Outbox::open().await;
    for payload in [
        json!({}),
        json!({"job": "unheard_of"}),
        json!({"job": "drain", "user_id": 1}),
        json!([]),
        Value::Null,
        json!({"job": "deliver"}),
        json!({"job": "drain", "user_id": Uuid::nil()}),
        json!({"job": "deliver", "user_id": Uuid::nil(), "more": 1}),
    ] {
        let refused = handle(&outbox, payload.clone(), LONG).await.expect_err("no job");
        assert_eq!(refused.code(), "malformed", "{payload}");
    }
}

#[test]
fn the_template_calls_each_job_as_often_as_it_is_due() {
    let template = include_str!("../../../template.yaml");
    for job in Job::ALL {
        let rate = match job.interval().as_secs() {
            60 => "rate(1 minute)",
            3_600 => "rate(1 hour)",
            86_400 => "rate(1 day)",
            other => panic!("{} is due every {other} s", job.name()),
        };
        let event = format!("Schedule: {rate}, Input: '{{\"job\": \"{}\"}}'", job.name());
        assert!(template.contains(&event), "template.yaml lacks {event}");
    }
}
