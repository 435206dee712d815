//! Reports of what is our fault, to Sentry or anything that takes its envelopes (`GlitchTip`, Bugsink).
//!
//! `SENTRY_DSN` switches it on. A report has the route or the job, how it ended, the ids and the private cause;
//! never a body, a header or a query. It leaves in a task of its own: a request never waits for it, and when more
//! come than can be sent, the rest are left out. Lambda freezes a function that has answered, so there
//! [`ErrorReports::flush`] comes before the end of an invocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::config::{ConfigError, Env};
use crate::http_client::HttpClient;
use crate::{Clock, Error};

/// How many reports may wait to be sent.
const WAITING_MAX: usize = 64;
/// How long sending one may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How long [`ErrorReports::flush`] may take.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Where reports go, if anywhere. Clones share the queue.
#[derive(Debug, Clone, Default)]
pub struct ErrorReports(Option<Queue>);

#[derive(Debug, Clone)]
struct Queue {
    orders: mpsc::Sender<Order>,
    /// How many reports are neither sent nor given up.
    unsent: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum Order {
    Send(Box<Report>),
    /// Everything before this is done.
    Tell(oneshot::Sender<()>),
}

/// Something that is our fault.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// The report's own id.
    pub(crate) id: Uuid,
    /// When it ended.
    pub(crate) at: Timestamp,
    /// What was being done: a request's method and route with its parameters' names, or a job by its name.
    pub(crate) action: String,
    /// How it ended: a request's status, or an error's code.
    pub(crate) outcome: String,
    /// The request's id, as its log line has it, and its W3C trace id.
    pub(crate) request: Option<(String, String)>,
    /// The user, if one was known.
    pub(crate) user_id: Option<Uuid>,
    /// What happened inside.
    pub(crate) cause: Option<String>,
}

/// A data source name: `https://<key>@<host>/<project>`.
struct Dsn {
    envelope_url: String,
    key: SecretString,
}

impl ErrorReports {
    /// Reads `SENTRY_DSN`; without it nothing is reported. Must be called within a runtime.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let Some(dsn) = env.get("SENTRY_DSN") else { return Ok(Self(None)) };
        let dsn = Dsn::parse(dsn).ok_or_else(|| ConfigError {
            name: "SENTRY_DSN".to_owned(),
            detail: "is not like https://key@host/project".to_owned(),
        })?;
        let (orders, waiting) = mpsc::channel(WAITING_MAX);
        let unsent = Arc::default();
        tokio::spawn(send_all(dsn, waiting, Arc::clone(&unsent)));
        Ok(Self(Some(Queue { orders, unsent })))
    }

    /// Hands over that a job failed for good: its name, such as `drain` or `outbox erase_user`, and the user it
    /// worked for, if it was one.
    pub fn send_failed_job(&self, clock: &Clock, job: &str, error: &Error, user_id: Option<Uuid>) {
        self.send(|| Report {
            id: clock.new_id(),
            at: clock.now(),
            action: format!("job {job}"),
            outcome: error.code().to_owned(),
            request: None,
            user_id,
            cause: error.cause(),
        });
    }

    /// Hands a report over, made only when somebody wants it.
    pub(crate) fn send(&self, report: impl FnOnce() -> Report) {
        let Some(Queue { orders, unsent }) = &self.0 else { return };
        unsent.fetch_add(1, Ordering::Relaxed);
        if orders.try_send(Order::Send(Box::new(report()))).is_err() {
            // Full or closed: the log line has it all anyway.
            unsent.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was handed over before has left or was given up, at most two seconds. Returns at once when
    /// nothing waits.
    pub async fn flush(&self) {
        let Some(Queue { orders, unsent }) = &self.0 else { return };
        if unsent.load(Ordering::Relaxed) == 0 {
            return;
        }
        let (tell, done) = oneshot::channel();
        // An error means that the sending task has ended, with the runtime, and a late one is sent on meanwhile.
        let flushed = async { orders.send(Order::Tell(tell)).await.is_ok() && done.await.is_ok() };
        if !tokio::time::timeout(FLUSH_TIMEOUT, flushed).await.unwrap_or(false) {
            tracing::warn!("error reports still wait to be sent");
        }
    }
}

impl Dsn {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (key, rest) = rest.split_once('@')?;
        let (place, project) = rest.trim_end_matches('/').rsplit_once('/')?;
        let is_whole = matches!(scheme, "http" | "https")
            && !key.is_empty()
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !place.is_empty()
            && !project.is_empty();
        let (host, prefix) =
            place.split_once('/').map_or((place, String::new()), |(host, path)| (host, format!("/{path}")));
        is_whole.then(|| Self {
            envelope_url: format!("{scheme}://{host}{prefix}/api/{project}/envelope/"),
            key: SecretString::from(key.to_owned()),
        })
    }
}

async fn send_all(dsn: Dsn, mut waiting: mpsc::Receiver<Order>, unsent: Arc<AtomicUsize>) {
    let http = HttpClient::default();
    let key = dsn.key.expose_secret();
    let auth =
        format!("Sentry sentry_version=7, sentry_client=almanac/{}, sentry_key={key}", env!("CARGO_PKG_VERSION"));
    while let Some(order) = waiting.recv().await {
        let report = match order {
            Order::Send(report) => report,
            Order::Tell(done) => {
                // Whoever asked may have stopped waiting.
                let _late = done.send(());
                continue;
            }
        };
        let request = http.get().post(&dsn.envelope_url).timeout(SEND_TIMEOUT).body(envelope(&report));
        let request = request.header("content-type", "application/x-sentry-envelope").header("x-sentry-auth", &auth);
        let sent = request.send().await.and_then(reqwest::Response::error_for_status);
        unsent.fetch_sub(1, Ordering::Relaxed);
        if let Err(error) = sent {
            tracing::warn!(error = %error.without_url(), "an error could not be reported");
        }
    }
}

/// Three lines: about the envelope, about its one item, the item.
fn envelope(report: &Report) -> String {
    let id = report.id.simple().to_string();
    let what = report.cause.clone().unwrap_or_else(|| format!("ended with {}", report.outcome));
    let (request_id, trace_id) = report.request.clone().unzip();
    // What belongs to no trace is one of its own.
    let trace_id = trace_id.unwrap_or_else(|| id.clone());
    let event: Value = json!({
        "event_id": id,
        "timestamp": report.at,
        "platform": "native",
        "level": "error",
        "release": concat!("almanac@", env!("CARGO_PKG_VERSION")),
        "transaction": report.action,
        "message": {"formatted": what},
        "fingerprint": [report.action, report.outcome, what],
        "tags": {"outcome": report.outcome, "request_id": request_id},
        "contexts": {"trace": {"trace_id": trace_id, "span_id": id[16..]}},
        "user": report.user_id.map(|id| json!({"id": id})),
    });
    format!("{}\n{}\n{event}\n", json!({"event_id": id, "sent_at": report.at}), json!({"type": "event"}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dsn: &str, url: Option<&str>) {
        assert_eq!(Dsn::parse(dsn).map(|dsn| dsn.envelope_url).as_deref(), url, "{dsn}");
    }

    #[test]
    fn reads_data_source_names() {
        check("https://abc@o1.ingest.example/42", Some("https://o1.ingest.example/api/42/envelope/"));
        check("http://abc@127.0.0.1:9000/42", Some("http://127.0.0.1:9000/api/42/envelope/"));
        check("https://abc@example.com/errors/42", Some("https://example.com/errors/api/42/envelope/"));
        for wrong in ["", "abc", "https://example.com/42", "https://@example.com/42", "https://abc@example.com"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_wrong_setting_is_named_without_its_key() {
        let error =
            ErrorReports::from_env(&Env::from_pairs([("SENTRY_DSN", "https://topsecret@")])).expect_err("wrong");
        assert!(error.name == "SENTRY_DSN" && !error.detail.contains("topsecret"), "{error}");
    }
}
