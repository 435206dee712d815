//! The queue on AWS: messages over SQS.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Uri;
use uuid::Uuid;

use super::Announce;
use crate::aws::{Account, Patience};
use crate::config::{ConfigError, Env};
use crate::http_client::HttpClient;
use crate::{Error, Result};

/// How long sending may take: nobody waits longer for a courtesy than a second.
const PATIENCE: Patience = Patience { attempts: 2, attempt_timeout: Duration::from_millis(400) };

/// Calls the function `jobs` with messages over SQS. Clones share the client.
#[derive(Debug, Clone)]
pub struct JobsQueue(Arc<Sqs>);

#[derive(Debug)]
struct Sqs {
    url: String,
    account: Account,
    /// Made on first use.
    client: OnceLock<aws_sdk_sqs::Client>,
}

impl JobsQueue {
    /// The queue at `JOBS_QUEUE_URL`, in the account of the environment; none when that is not set.
    pub fn from_env(env: &Env, http: &HttpClient) -> Result<Option<Self>, ConfigError> {
        const NAME: &str = "JOBS_QUEUE_URL";
        let Some(url) = env.get(NAME) else { return Ok(None) };
        if !url.parse().is_ok_and(|url: Uri| url.scheme().is_some() && url.host().is_some()) {
            return Err(ConfigError::new(NAME, "is no whole URL"));
        }
        let account = Account::from_env(env, http)?;
        Ok(Some(Self(Arc::new(Sqs { url: url.to_owned(), account, client: OnceLock::new() }))))
    }

    /// Sends a message for each of these owners, at most [`super::OWNERS_MAX`]: `{"job": "deliver", "user_id": …}`. It takes at
    /// most a second.
    ///
    /// # Errors
    ///
    /// When the queue may not have taken all of them.
    pub async fn send(&self, owners: &[Uuid]) -> Result<()> {
        let Sqs { url, account, client } = &*self.0;
        let client = client.get_or_init(|| account.sqs(PATIENCE));
        let entries = owners.iter().enumerate().map(|(index, owner)| {
            let body = serde_json::json!({"job": "deliver", "user_id": owner}).to_string();
            SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body).build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(Error::internal)?;
        let send = client.send_message_batch().queue_url(url).set_entries(Some(entries)).send();
        // Boxed, because what the SDK's futures are made of is deep.
        match Box::pin(send).await {
            Ok(answer) => match answer.failed().first() {
                None => Ok(()),
                Some(refused) => Err(away(format!("{} ({:?})", refused.code(), refused.message()))),
            },
            Err(error) => Err(away(DisplayErrorContext(error).to_string())),
        }
    }
}

fn away(cause: String) -> Error {
    Error::unavailable("queue_unavailable", "The queue of the jobs does not answer.").with_source(cause)
}

impl Announce for JobsQueue {
    fn announce<'a>(&'a self, owners: &'a [Uuid]) -> BoxFuture<'a, ()> {
        let announce = async move {
            if let Err(error) = self.send(owners).await {
                let cause = error.cause();
                tracing::warn!(cause, owners = owners.len(), "jobs were not announced; the next sweep finds them");
            }
        };
        announce.boxed()
    }
}
