//! What Lambda's poller does between a queue and a function: receives messages in batches, calls the function with them,
//! and deletes all but those that it names as failed.

use std::time::Duration;

use base::run::Event;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::fakes::sqs::SqsFake;

/// The most messages that one call of the function gets.
const BATCH_SIZE: usize = 10;
/// How long the function may take. It begins no delivery with less than a minute left.
const FUNCTION_TIME: Duration = Duration::from_mins(3);
/// How long an idle poller waits.
const PAUSE: Duration = Duration::from_millis(5);

/// Pollers that run until this is dropped.
pub(super) struct EventSource {
    _pollers: JoinSet<()>,
}

impl EventSource {
    /// This many of them, each with a function of its own, as Lambda has them.
    pub(super) fn start(queue: &SqsFake, functions: Vec<jobs::App>) -> Self {
        let mut pollers = JoinSet::new();
        for function in functions {
            pollers.spawn(poll(queue.clone(), function));
        }
        Self { _pollers: pollers }
    }
}

async fn poll(queue: SqsFake, function: jobs::App) {
    let http = base::http_client::build();
    loop {
        if !pass_on(&http, &queue, &function).await {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Passes one batch on. False when there is none, or the queue did not give it.
async fn pass_on(http: &Client, queue: &SqsFake, function: &jobs::App) -> bool {
    let wanted = json!({"QueueUrl": queue.url(), "MaxNumberOfMessages": BATCH_SIZE});
    let Some(answer) = call(http, queue, "ReceiveMessage", &wanted).await else { return false };
    let Some(messages) = answer["Messages"].as_array().filter(|messages| !messages.is_empty()) else { return false };
    let record = |message: &Value| {
        json!({"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"],
               "attributes": message["Attributes"], "eventSource": "aws:sqs"})
    };
    let payload = json!({"Records": messages.iter().map(record).collect::<Vec<_>>()});
    // A call that fails deletes nothing.
    let Ok(answer) = jobs::handle(function.clone(), Event { payload, time_left: FUNCTION_TIME }).await else {
        return true;
    };
    let failures = answer["batchItemFailures"].as_array().expect("the names of those that failed");
    for message in messages {
        if !failures.iter().any(|failure| failure["itemIdentifier"] == message["MessageId"]) {
            let done = json!({"QueueUrl": queue.url(), "ReceiptHandle": message["ReceiptHandle"]});
            // One that is not deleted comes again.
            let _deleted = call(http, queue, "DeleteMessage", &done).await;
        }
    }
    true
}

async fn call(http: &Client, queue: &SqsFake, action: &str, input: &Value) -> Option<Value> {
    let request = http.post(&queue.endpoint).header("x-amz-target", format!("AmazonSQS.{action}"));
    let request = request.header("content-type", "application/x-amz-json-1.0").body(input.to_string());
    let answer = request.send().await.and_then(reqwest::Response::error_for_status).ok()?;
    answer.json().await.ok()
}
