//! What surrounds a deployed function: its settings, and the encrypted connections that it finds behind them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::encrypted::{Authority, Roots};
use super::table;
use crate::almanac::Almanac;

pub(super) struct Deployment {
    settings: Vec<(String, String)>,
    authority: Authority,
}

impl Deployment {
    /// The settings are as `template.yaml` gives them, all to every function, but for the addresses.
    pub(super) async fn start(folder: &Path, almanac: &Almanac, upstream: SocketAddr) -> Result<Self> {
        let authority = Authority::make(&folder.join("tls"))?;
        let model = authority.listen_before(upstream).await?;
        let table = authority.listen_before(table::spawn().await?).await?;
        let database = authority.listen_before_database(almanac.socket_folder()).await?;
        let url = |login| {
            let port = database.port();
            // Under a name, as loopback addresses are not encrypted.
            format!("postgres://{login}@{}:{port}/almanac?hostaddr=127.0.0.1&sslmode=verify-full", Authority::DATABASE)
        };
        let issuer = format!("http://{}", almanac.address);
        let issuers = json!([{
            "issuer": issuer, "jwks_url": format!("{issuer}/.well-known/jwks.json"), "built_in": true,
        }]);
        let settings = [
            ("AUTH_ISSUERS", issuers.to_string()),
            ("AUTH_SIGNING_KEY", signing_key()?),
            ("AWS_ACCESS_KEY_ID", "bench".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("https://localhost:{}", table.port())),
            ("AWS_ENDPOINT_URL_SQS", format!("https://localhost:{}", table.port())),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
            ("AWS_SESSION_TOKEN", "bench".to_owned()),
            ("CLERK_ISSUER", "https://clerk.example".to_owned()),
            ("CLERK_WEBHOOK_SECRET", "whsec_YmVuY2ggb25seQ==".to_owned()),
            ("DATABASE_SERVICE_URL", url("almanac_service")),
            ("DATABASE_URL", url("almanac_app")),
            ("JOBS_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/bench".to_owned()),
            ("METRICS", "emf".to_owned()),
            ("OPENAI_API_KEY", "bench".to_owned()),
            ("OPENAI_BASE_URL", format!("https://localhost:{}/v1", model.port())),
            ("PUBLIC_URL", "https://api.example".to_owned()),
            ("RATE_LIMIT_SCALE", "1000000".to_owned()),
            ("RELEASE", "bench".to_owned()),
            ("STORE_TABLE", "bench".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
        Ok(Self { settings, authority })
    }

    /// Further settings, or others.
    pub(super) fn set(&mut self, settings: &[(String, String)]) {
        self.settings.extend(settings.iter().cloned());
    }

    /// All settings of a function. The last one of a name holds.
    pub(super) fn settings(&self, roots: Roots) -> impl Iterator<Item = (String, String)> {
        let of_roots = self.authority.settings(roots).into_iter().map(|(name, value)| (name.to_owned(), value));
        of_roots.chain(self.settings.iter().cloned())
    }
}

fn signing_key() -> Result<String> {
    let mut command = Command::new("openssl");
    command.args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let made = command.output().context("openssl is needed")?;
    ensure!(made.status.success(), "openssl made no key");
    Ok(String::from_utf8(made.stdout)?)
}
