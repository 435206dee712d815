//! Events: a schedule's, and batches of the queue's messages. Both name a job.

use std::time::{Duration, Instant};

use base::run::Event;
use base::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{App, Job};

/// Kept back at the end of an invocation, to answer in time.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// What the function is called with.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Call {
    Queue {
        #[serde(rename = "Records")]
        records: Vec<Message>,
    },
    Schedule(Order),
}

/// A message of the queue. The rest of what SQS tells is not needed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: String,
    body: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    job: Job,
}

/// Runs the jobs that an event names. A schedule's is answered with how much was done, and its failure is an error,
/// which makes Lambda call again. A batch of messages is answered with those that failed, which the queue delivers
/// again, and sets aside when that does not help.
pub async fn handle(app: App, event: Event) -> Result<Value> {
    let until = Instant::now() + event.time_left.saturating_sub(ANSWER_TIME);
    let call = Call::deserialize(&event.payload).map_err(|_| {
        Error::malformed("The event is neither a job, such as {\"job\": \"drain\"}, nor messages with jobs.")
    })?;
    match call {
        Call::Schedule(order) => Ok(json!({"job": order.job, "count": order.job.run(&app, until).await?})),
        Call::Queue { records } => {
            let mut failures = Vec::new();
            for message in records {
                if let Err(error) = run_message(&app, &message, until).await {
                    let (message_id, code) = (&message.message_id, error.code());
                    tracing::error!(message_id, code, cause = error.cause(), "the message failed");
                    failures.push(json!({"itemIdentifier": message.message_id}));
                }
            }
            Ok(json!({"batchItemFailures": failures}))
        }
    }
}

async fn run_message(app: &App, message: &Message, until: Instant) -> Result<()> {
    let order: Order = serde_json::from_str(&message.body)
        .map_err(|error| Error::malformed("The message names no job.").with_source(error))?;
    if Instant::now() >= until {
        return Err(Error::unavailable("out_of_time", "The messages before this one took all the time."));
    }
    order.job.run(app, until).await?;
    Ok(())
}
