//! The clients for AWS's services: with the function's own role, over the one HTTP client of this process.
//!
//! A function on Lambda finds its credentials in its environment, where they hold for as long as the environment
//! lives. So there is no chain of places to look for them, and no TLS but that of [`HttpClient`]. Making an
//! [`Account`] costs nothing; a client costs about a millisecond, so make it on first use and keep it.

use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{
    HttpClient as SmithyClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::config::{ConfigError, Env};
use crate::http_client::HttpClient;

/// How long the wait before a second attempt is at most.
const BACKOFF_MAX: Duration = Duration::from_millis(100);

/// Whose services are called, and where they are. Its `Debug` shows no credentials.
#[derive(Clone)]
pub struct Account {
    region: String,
    credentials: Credentials,
    dynamodb_url: Option<String>,
    sqs_url: Option<String>,
    http: HttpClient,
}

/// How long one call may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often it is tried, at least 1. A refusal that would come again is not tried again.
    pub attempts: u32,
    /// How long each attempt may take, the connecting included.
    pub attempt_timeout: Duration,
}

impl Patience {
    /// How long the whole call takes at most: all attempts and the waits between them.
    pub fn longest(self) -> Duration {
        (self.attempt_timeout + BACKOFF_MAX) * self.attempts
    }
}

impl Account {
    /// Reads `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, and the addresses
    /// `AWS_ENDPOINT_URL_DYNAMODB` and `AWS_ENDPOINT_URL_SQS`, where they are not AWS's own.
    pub fn from_env(env: &Env, http: &HttpClient) -> Result<Self, ConfigError> {
        let credentials = Credentials::new(
            env.require("AWS_ACCESS_KEY_ID")?,
            env.require("AWS_SECRET_ACCESS_KEY")?,
            env.get("AWS_SESSION_TOKEN").map(str::to_owned),
            None,
            "environment",
        );
        let address = |name: &str| env.get(name).map(|url| url.trim_end_matches('/').to_owned());
        Ok(Self {
            region: env.require("AWS_REGION")?.to_owned(),
            credentials,
            dynamodb_url: address("AWS_ENDPOINT_URL_DYNAMODB"),
            sqs_url: address("AWS_ENDPOINT_URL_SQS"),
            http: http.clone(),
        })
    }

    /// A client for DynamoDB.
    pub fn dynamodb(&self, patience: Patience) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config(self.dynamodb_url.as_deref(), patience))
    }

    /// A client for SQS.
    pub fn sqs(&self, patience: Patience) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config(self.sqs_url.as_deref(), patience))
    }

    fn config(&self, endpoint_url: Option<&str>, patience: Patience) -> SdkConfig {
        // The TLS library starts here and not within the first call, whose time is short.
        let connector = Connector(self.http.get().clone());
        let mut config = SdkConfig::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(self.credentials.clone()))
            .http_client(connector)
            .sleep_impl(TokioSleep::new())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(patience.attempts.max(1))
                    .with_initial_backoff(BACKOFF_MAX)
                    .with_max_backoff(BACKOFF_MAX),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(patience.attempt_timeout)
                    .operation_timeout(patience.longest())
                    .build(),
            );
        config.set_endpoint_url(endpoint_url.map(str::to_owned));
        config.build()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Sends the SDK's requests over our client. Time limits are the SDK's, which drops what takes too long.
#[derive(Debug, Clone)]
struct Connector(reqwest::Client);

impl SmithyClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move { send(&client, request).await })
    }
}

async fn send(client: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let (parts, body) = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?.into_parts();
    let body = body.bytes().ok_or_else(|| ConnectorError::user("a body that is not in memory".into()))?.to_vec();
    let request = http::Request::from_parts(parts, body);
    let request = reqwest::Request::try_from(request).map_err(|error| ConnectorError::user(error.into()))?;
    let mut response = client.execute(request).await.map_err(failure)?;
    let mut answer = http::Response::builder().status(response.status());
    if let Some(headers) = answer.headers_mut() {
        *headers = std::mem::take(response.headers_mut());
    }
    let answer = answer.body(SdkBody::from(response.bytes().await.map_err(failure)?));
    let answer = answer.map_err(|error| ConnectorError::other(error.into(), None))?;
    HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
}

/// What the SDK tries again: whatever went wrong on the way.
fn failure(error: reqwest::Error) -> ConnectorError {
    let error = error.without_url();
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Env {
        Env::from_pairs([
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "topsecret"),
            ("AWS_SESSION_TOKEN", "topsecret-too"),
        ])
    }

    #[test]
    fn shows_no_credentials() {
        let account = Account::from_env(&whole(), &HttpClient::default()).expect("all is there");
        let shown = format!("{account:?}");
        assert!(shown.contains("eu-central-1") && !shown.contains("secret") && !shown.contains("AKID"), "{shown}");
    }

    #[test]
    fn names_what_is_missing() {
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            let error = Account::from_env(&whole().with(name, ""), &HttpClient::default()).expect_err("missing");
            assert_eq!(error.name, name);
        }
    }
}
