//! Metrics as CloudWatch reads them out of log lines: its embedded metric format (EMF), one line a request.
//!
//! A line names its metrics and dimensions itself, so nothing is called and nothing is paid for at run time.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::config::{ConfigError, Env};
use crate::request::Notes;

/// The namespace in CloudWatch.
const NAMESPACE: &str = "Almanac";

/// Whether metrics are written, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metrics {
    /// Not at all.
    #[default]
    Off,
    /// A line of EMF on standard output for each request.
    Emf,
}

/// What is measured of one request.
pub(super) struct Measured<'m> {
    pub(super) route: &'m str,
    pub(super) status: u16,
    pub(super) ms: i64,
    pub(super) notes: &'m Notes,
    pub(super) at: Timestamp,
}

impl Metrics {
    /// Reads `METRICS`: `emf`, or `off` (the default).
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        match env.get("METRICS") {
            None | Some("off") => Ok(Self::Off),
            Some("emf") => Ok(Self::Emf),
            Some(_) => Err(ConfigError { name: "METRICS".to_owned(), detail: "is neither emf nor off".to_owned() }),
        }
    }

    pub(super) fn write(self, measured: &Measured<'_>) {
        if self == Self::Emf {
            // A log that cannot be written to is no reason to fail a request.
            let _written = writeln!(std::io::stdout().lock(), "{}", emf(measured));
        }
    }
}

/// Counts and durations by route; tokens where a model answered.
fn emf(measured: &Measured<'_>) -> Value {
    let Measured { route, status, ms, notes, at } = measured;
    let tokens = [("input_tokens", notes.input_tokens), ("output_tokens", notes.output_tokens)];
    let mut metrics = vec![
        json!({"Name": "requests", "Unit": "Count"}),
        json!({"Name": "client_errors", "Unit": "Count"}),
        json!({"Name": "server_errors", "Unit": "Count"}),
        json!({"Name": "duration", "Unit": "Milliseconds"}),
    ];
    let mut line = json!({
        "route": route,
        "requests": 1,
        "client_errors": u8::from((400..500).contains(status)),
        "server_errors": u8::from(*status >= 500),
        "duration": ms,
    });
    for (name, count) in tokens {
        if let Some(count) = count {
            metrics.push(json!({"Name": name, "Unit": "Count"}));
            line[name] = json!(count);
        }
    }
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [["route"]], "Metrics": metrics});
    line["_aws"] = json!({"Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive]});
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(status: u16, notes: &Notes) -> Value {
        emf(&Measured { route: "/api/chat", status, ms: 12, notes, at: Timestamp::UNIX_EPOCH })
    }

    /// Each metric that a line names must be a number in it, or CloudWatch drops the line.
    fn check(line: &Value, names: &[&str]) {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let directed: Vec<&str> = directive["Metrics"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|metric| metric["Name"].as_str())
            .collect();
        assert_eq!(directed, names);
        assert!(names.iter().all(|name| line[name].is_number()), "{line}");
        assert_eq!((&directive["Dimensions"], &line["route"]), (&json!([["route"]]), &json!("/api/chat")));
        assert!(line["_aws"]["Timestamp"].is_number());
    }

    #[test]
    fn counts_requests_and_tokens() {
        let plain = line(200, &Notes::default());
        check(&plain, &["requests", "client_errors", "server_errors", "duration"]);
        assert_eq!((&plain["client_errors"], &plain["server_errors"]), (&json!(0), &json!(0)));
        let notes = Notes { input_tokens: Some(3), output_tokens: Some(2), ..Notes::default() };
        let failed = line(503, &notes);
        check(&failed, &["requests", "client_errors", "server_errors", "duration", "input_tokens", "output_tokens"]);
        assert_eq!((&failed["server_errors"], &failed["input_tokens"]), (&json!(1), &json!(3)));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let read = |value: &str| Metrics::from_env(&Env::from_pairs([("METRICS", value)]));
        assert_eq!(read("emf").ok(), Some(Metrics::Emf));
        assert_eq!(read("").ok(), Some(Metrics::Off));
        assert!(read("statsd").is_err_and(|error| error.name == "METRICS"));
    }
}
