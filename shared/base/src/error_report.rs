//! Reports of what is our fault, to Sentry or anything that takes its envelopes (`GlitchTip`, Bugsink).
//!
//! `SENTRY_DSN` switches it on. A report has the route or the job, how it ended, the ids and the private cause;
//! never a body, a header or a query. It leaves in a task of its own: a request never waits for it, and when more
//! come than can be sent, the rest are left out. Lambda freezes a function only after they have left
//! ([`crate::background`]).

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::background::{self, Held};
use crate::config::{ConfigError, Env};
use crate::http_client::HttpClient;
use crate::{Clock, Error};

/// How many reports may wait to be sent.
const WAITING_MAX: usize = 64;
/// How long sending one may take. While Sentry is away, a function waits so long at the end of what failed.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// Where reports go, if anywhere. Clones share the queue.
#[derive(Debug, Clone, Default)]
pub struct ErrorReports(Option<mpsc::Sender<(Report, Held)>>);

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

/// What reports are sent with.
struct Sender {
    dsn: Dsn,
    /// What is deployed: `RELEASE`, or the program's version.
    release: String,
}

impl ErrorReports {
    /// Reads `SENTRY_DSN`, without which nothing is reported, and `RELEASE`. Must be called within a runtime.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let Some(dsn) = env.get("SENTRY_DSN") else { return Ok(Self(None)) };
        let dsn =
            Dsn::parse(dsn).ok_or_else(|| ConfigError::new("SENTRY_DSN", "is not like https://key@host/project"))?;
        let (reports, waiting) = mpsc::channel(WAITING_MAX);
        let release = env.get("RELEASE").unwrap_or(concat!("almanac@", env!("CARGO_PKG_VERSION"))).to_owned();
        tokio::spawn(Sender { dsn, release }.send_all(waiting));
        Ok(Self(Some(reports)))
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
        if let Some(reports) = &self.0 {
            // Full or closed: the log line has it all anyway.
            let _left_out = reports.try_send((report(), background::hold()));
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

impl Sender {
    async fn send_all(self, mut waiting: mpsc::Receiver<(Report, Held)>) {
        let http = HttpClient::default();
        let key = self.dsn.key.expose_secret();
        let auth =
            format!("Sentry sentry_version=7, sentry_client=almanac/{}, sentry_key={key}", env!("CARGO_PKG_VERSION"));
        while let Some((report, _held)) = waiting.recv().await {
            let body = envelope(&report, &self.release);
            let request = http.get().post(&self.dsn.envelope_url).timeout(SEND_TIMEOUT).body(body);
            let request =
                request.header("content-type", "application/x-sentry-envelope").header("x-sentry-auth", &auth);
            let sent = request.send().await.and_then(reqwest::Response::error_for_status);
            if let Err(error) = sent {
                tracing::warn!(error = %error.without_url(), "an error could not be reported");
            }
        }
    }
}

/// Three lines: about the envelope, about its one item, the item.
fn envelope(report: &Report, release: &str) -> String {
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
        "release": release,
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
