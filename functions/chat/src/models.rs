//! The models that are configured.

use base::config::{ConfigError, Env};
use base::http_client::HttpClient;
use providers::retry::CallLimits;
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
    /// `OPENAI_BASE_URL`, `OPENAI_MODEL`, and so for `ANTHROPIC_`, `XAI_` and `OPENROUTER_`; and the [`CallLimits`].
    pub fn from_env(env: &Env, http: HttpClient) -> Result<Self, ConfigError> {
        let mut settings = ProviderSettings::from_lookup(|name| env.get(name).map(str::to_owned));
        settings.limits = CallLimits::from_env(env)?;
        Ok(Self { settings, http })
    }

    /// The model behind `provider/model` or a provider's bare name; the default one without a name.
    pub(crate) fn resolve(&self, name: Option<&str>) -> Result<(ChatModel, ModelName), ResolveError> {
        Providers::new(self.settings.clone(), self.http.get().clone()).resolve(name)
    }
}
