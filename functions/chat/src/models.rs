//! The models that are configured.

use std::time::Duration;

use base::config::{ConfigError, Env};
use base::http_client::HttpClient;
use providers::retry::{CHUNK_IDLE_TIMEOUT, FIRST_BYTE_TIMEOUT};
use providers::{ChatModel, ModelName, ProviderSettings, Providers, ResolveError};

/// Finds models by name. Clones share the clients, which are made when a model is first asked for, because
/// setting up TLS is most of a cold start.
#[derive(Debug, Clone)]
pub struct Models {
    settings: ProviderSettings,
    http: HttpClient,
}

impl Models {
    /// Reads `ALMANAC_DEFAULT_MODEL` and the key, address and model of each provider: `OPENAI_API_KEY`,
    /// `OPENAI_BASE_URL`, `OPENAI_MODEL`, and so for `ANTHROPIC_`, `XAI_` and `OPENROUTER_`. A provider that does not
    /// begin to answer within `PROVIDER_FIRST_BYTE_TIMEOUT_MS` (default 120,000), or says nothing for
    /// `PROVIDER_IDLE_TIMEOUT_MS` (default 60,000) in the middle of a reply, is given up.
    pub fn from_env(env: &Env, http: HttpClient) -> Result<Self, ConfigError> {
        let mut settings = ProviderSettings::from_lookup(|name| env.get(name).map(str::to_owned));
        settings.limits.first_byte_timeout = timeout(env, "PROVIDER_FIRST_BYTE_TIMEOUT_MS", FIRST_BYTE_TIMEOUT)?;
        settings.limits.chunk_idle_timeout = timeout(env, "PROVIDER_IDLE_TIMEOUT_MS", CHUNK_IDLE_TIMEOUT)?;
        Ok(Self { settings, http })
    }

    /// The model behind `provider/model` or a provider's bare name; the default one without a name.
    pub(crate) fn resolve(&self, name: Option<&str>) -> Result<(ChatModel, ModelName), ResolveError> {
        Providers::new(self.settings.clone(), self.http.get().clone()).resolve(name)
    }
}

/// A time in milliseconds.
fn timeout(env: &Env, name: &str, default: Duration) -> Result<Duration, ConfigError> {
    let default_ms = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
    env.parse_or(name, default_ms).map(Duration::from_millis)
}
