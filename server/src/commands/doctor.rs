//! `almanac doctor`: what is configured, what is missing, and what is in the way. Changes nothing.

mod checks;

use std::fmt;
use std::process::ExitCode;

use base::config::Env;

use crate::terminal;

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// Not there, and not needed for a start.
    Missing,
    /// In the way of a start.
    Problem,
}

/// One line of the report.
#[derive(Debug)]
struct Finding {
    state: State,
    subject: &'static str,
    /// Never holds a secret.
    detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Missing => "missing",
            State::Problem => "problem",
        };
        write!(f, "{state:<8} {:<14} {}", self.subject, self.detail)
    }
}

/// Reports on everything; success means that `almanac dev` can run.
pub(super) async fn run(env: &Env) -> ExitCode {
    let mut findings = checks::database(env).await;
    findings.push(checks::port(env).await);
    findings.extend(checks::identity(env));
    findings.extend(checks::aws(env).await);
    findings.extend(checks::models(env));
    for finding in &findings {
        terminal::say(&finding.to_string());
    }
    let well = findings.iter().all(|finding| finding.state != State::Problem);
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
