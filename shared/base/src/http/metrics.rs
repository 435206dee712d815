//! Metrics as CloudWatch reads them out of log lines: its embedded metric format (EMF), one line a request.
//!
//! A line names its metrics and dimensions itself, so nothing is called at run time. CloudWatch takes money for each
//! metric of each function in the hours in which it is written, so routes are no dimension but a field to search
//! for, and what did not happen is not written.

use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::config::{ConfigError, Env};
use crate::request::Notes;

/// The namespace in CloudWatch.
const NAMESPACE: &str = "Almanac";
/// The one dimension: the function's name.
const DIMENSION: &str = "function";
/// The function's name outside of Lambda, where one program is all of them.
const PROGRAM: &str = "almanac";

/// Whether metrics are written, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// The function's name when lines of EMF are written on standard output.
    emf_function: Option<Arc<str>>,
}

/// What a value counts, by CloudWatch's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Time in milliseconds.
    Milliseconds,
    /// Time in seconds.
    Seconds,
}

/// One metric's name, unit and value.
pub type Measure = (&'static str, Unit, u64);

/// What is measured of one request.
pub(super) struct Measured<'m> {
    pub(super) route: &'m str,
    pub(super) status: u16,
    pub(super) ms: i64,
    pub(super) notes: &'m Notes,
    pub(super) at: Timestamp,
}

impl Metrics {
    /// Reads `METRICS`: `emf`, or `off` (the default); and the function's name from `AWS_LAMBDA_FUNCTION_NAME`.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let emf_function = match env.get("METRICS") {
            None | Some("off") => None,
            Some("emf") => Some(env.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or(PROGRAM).into()),
            Some(_) => {
                return Err(ConfigError::new("METRICS", "is neither emf nor off"));
            }
        };
        Ok(Self { emf_function })
    }

    /// Writes values that belong to no request, such as how much waits. Names are whole words with underscores.
    pub fn write_values(&self, at: Timestamp, values: &[Measure]) {
        if let Some(function) = &self.emf_function {
            write(&emf(function, at, values));
        }
    }

    pub(super) fn write_request(&self, measured: &Measured<'_>) {
        if let Some(function) = &self.emf_function {
            write(&of_request(function, measured));
        }
    }
}

fn write(line: &Value) {
    // A log that cannot be written to is no reason to fail what is measured.
    let _written = writeln!(std::io::stdout().lock(), "{line}");
}

/// Counts and durations, and the route as a plain field; tokens where a model answered.
fn of_request(function: &str, measured: &Measured<'_>) -> Value {
    let Measured { route, status, ms, notes, at } = measured;
    let mut values =
        vec![("requests", Unit::Count, 1), ("duration", Unit::Milliseconds, u64::try_from(*ms).unwrap_or_default())];
    let counts = [
        ("client_errors", (400..500).contains(status).then_some(1)),
        ("server_errors", (*status >= 500).then_some(1)),
        ("input_tokens", notes.input_tokens),
        ("output_tokens", notes.output_tokens),
    ];
    values.extend(counts.into_iter().filter_map(|(name, count)| Some((name, Unit::Count, count?))));
    let mut line = emf(function, *at, &values);
    line["route"] = json!(route);
    line["status"] = json!(status);
    line
}

/// The line. CloudWatch drops one that names a metric or a dimension that it does not hold.
fn emf(function: &str, at: Timestamp, values: &[Measure]) -> Value {
    let metrics: Vec<Value> =
        values.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": format!("{unit:?}")})).collect();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics});
    let mut line = json!({
        "_aws": {"Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive]},
        DIMENSION: function,
    });
    for (name, _, value) in values {
        line[*name] = json!(value);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(status: u16, notes: &Notes) -> Value {
        of_request("chat", &Measured { route: "/api/chat", status, ms: 12, notes, at: Timestamp::UNIX_EPOCH })
    }

    /// Each metric and dimension that a line names must be in it, or CloudWatch drops the line.
    fn check(line: &Value, function: &str, names: &[&str]) {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let directed: Vec<&str> = directive["Metrics"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|metric| metric["Name"].as_str())
            .collect();
        assert_eq!(directed, names);
        assert!(names.iter().all(|name| line[name].is_number()), "{line}");
        assert_eq!((&directive["Dimensions"], &line["function"]), (&json!([["function"]]), &json!(function)));
        assert!(line["_aws"]["Timestamp"].is_number());
    }

    #[test]
    fn counts_requests_and_tokens() {
        let plain = line(200, &Notes::default());
        check(&plain, "chat", &["requests", "duration"]);
        assert_eq!((&plain["route"], &plain["status"]), (&json!("/api/chat"), &json!(200)));
        check(&line(404, &Notes::default()), "chat", &["requests", "duration", "client_errors"]);
        let notes = Notes { input_tokens: Some(3), output_tokens: Some(2), ..Notes::default() };
        let failed = line(503, &notes);
        check(&failed, "chat", &["requests", "duration", "server_errors", "input_tokens", "output_tokens"]);
        assert_eq!((&failed["server_errors"], &failed["input_tokens"]), (&json!(1), &json!(3)));
    }

    #[test]
    fn tells_values_of_no_request() {
        let values = [("outbox_given_up", Unit::Count, 2), ("outbox_waiting_seconds", Unit::Seconds, 61)];
        let line = emf("jobs", Timestamp::UNIX_EPOCH, &values);
        check(&line, "jobs", &["outbox_given_up", "outbox_waiting_seconds"]);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][1]["Unit"], "Seconds");
        assert_eq!(line["outbox_waiting_seconds"], 61);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let read = |value: &str| Metrics::from_env(&Env::from_pairs([("METRICS", value)]));
        assert_eq!(read("emf").ok(), Some(Metrics { emf_function: Some("almanac".into()) }));
        assert_eq!(read("").ok(), Some(Metrics::default()));
        assert!(read("statsd").is_err_and(|error| error.name == "METRICS"));
        let named = Env::from_pairs([("METRICS", "emf"), ("AWS_LAMBDA_FUNCTION_NAME", "almanac-prod-chat")]);
        assert_eq!(Metrics::from_env(&named).ok(), Some(Metrics { emf_function: Some("almanac-prod-chat".into()) }));
    }
}
