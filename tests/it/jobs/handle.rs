//! Events of schedules and queues, as Lambda hands them over, and what `template.yaml` says of them.

use std::time::Duration;

use base::run::Event;
use jobs::Job;
use serde_json::{Value, json};

use super::outbox::Outbox;

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
async fn other_events_are_refused() {
    let outbox = Outbox::open().await;
    for payload in
        [json!({}), json!({"job": "unheard_of"}), json!({"job": "drain", "user_id": 1}), json!([]), Value::Null]
    {
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
