//! Events: a schedule's, and batches of the queue's messages. Both name a job.

use std::time::{Duration, Instant};

use base::run::Event;
use base::{Error, Result};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{AT_ONCE, App, Job};

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
    Direct(Order),
}

/// A message of the queue. The rest of what SQS tells is not needed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: String,
    body: String,
}

/// What is to be done.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Words")]
enum Order {
    Run(Job),
    /// Deliver what is due of this user's in the outbox.
    Deliver(Uuid),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    job: Name,
    user_id: Option<Uuid>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Deliver,
    #[serde(untagged)]
    Job(Job),
}

impl TryFrom<Words> for Order {
    type Error = &'static str;

    fn try_from(Words { job, user_id }: Words) -> Result<Self, Self::Error> {
        match (job, user_id) {
            (Name::Job(job), None) => Ok(Self::Run(job)),
            (Name::Deliver, Some(owner)) => Ok(Self::Deliver(owner)),
            (Name::Job(_), Some(_)) => Err("this job is for no user"),
            (Name::Deliver, None) => Err("whose entries?"),
        }
    }
}

impl Order {
    fn name(&self) -> &'static str {
        match self {
            Self::Run(job) => job.name(),
            Self::Deliver(_) => "deliver",
        }
    }

    /// Carries it out, and gives how many entries or rows it dealt with. How an entry's delivery ends is noted in the
    /// outbox, which tries again: here fails only what cannot be noted there.
    async fn carry_out(&self, app: &App, until: Instant) -> Result<u64> {
        match *self {
            // Boxed, because a job is deep and so are the layers of the runtime around it.
            Self::Run(job) => Box::pin(job.run(app, until)).await,
            Self::Deliver(owner) => {
                let delivered = Box::pin(app.worker().deliver(owner, until)).await;
                let report = |error: &Error| app.reports.send_failed_job(&app.clock, "deliver", error, Some(owner));
                delivered.inspect_err(report)
            }
        }
    }
}

/// Runs the jobs that an event names. A schedule's is answered with how much was done, and its failure is an error,
/// which makes Lambda call again. A batch of messages, some of which run at once, is answered with those that failed,
/// which the queue delivers again, and sets aside when that does not help.
pub async fn handle(app: App, event: Event) -> Result<Value> {
    let until = Instant::now() + event.time_left.saturating_sub(ANSWER_TIME);
    let call = Call::deserialize(&event.payload).map_err(|_| {
        Error::malformed("The event is neither a job, such as {\"job\": \"drain\"}, nor messages with jobs.")
    })?;
    match call {
        Call::Direct(order) => Ok(json!({"job": order.name(), "count": order.carry_out(&app, until).await?})),
        Call::Queue { records } => {
            let runs: Vec<_> = records.iter().map(|message| failure_of(&app, message, until)).collect();
            let runs: Vec<Option<Value>> = stream::iter(runs).buffered(AT_ONCE).collect().await;
            let failures: Vec<Value> = runs.into_iter().flatten().collect();
            Ok(json!({"batchItemFailures": failures}))
        }
    }
}

/// Carries a message out, and names it when that failed.
async fn failure_of(app: &App, message: &Message, until: Instant) -> Option<Value> {
    let error = run_message(app, message, until).await.err()?;
    let message_id = &message.message_id;
    tracing::error!(message_id, code = error.code(), cause = error.cause(), "the message failed");
    Some(json!({"itemIdentifier": message_id}))
}

async fn run_message(app: &App, message: &Message, until: Instant) -> Result<()> {
    let order: Order = serde_json::from_str(&message.body)
        .map_err(|error| Error::malformed("The message names no job.").with_source(error))
        .inspect_err(|error| app.reports.send_failed_job(&app.clock, "message", error, None))?;
    if Instant::now() >= until {
        return Err(Error::unavailable("out_of_time", "The messages before this one took all the time."));
    }
    order.carry_out(app, until).await?;
    Ok(())
}
