//! Which providers are configured, and what `provider/model` names mean.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::retry::CallLimits;
use crate::{AnthropicClient, ChatModel, DemoModel, OpenAiClient, demo};

/// The longest model name, in bytes.
pub const MODEL_NAME_BYTES_MAX: usize = 200;
/// The setting that names the model for those who ask for none.
pub const DEFAULT_MODEL_SETTING: &str = "ALMANAC_DEFAULT_MODEL";
/// The built-in model's full name.
pub const DEMO_MODEL: &str = "local/demo";

/// Where models come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// OpenAI, or any compatible server by its base URL.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// xAI.
    Xai,
    /// OpenRouter, whose model names have a slash themselves.
    OpenRouter,
}

impl Vendor {
    /// Every vendor, in the order in which the default is looked for.
    pub const ALL: [Self; 4] = [Self::OpenAi, Self::Anthropic, Self::Xai, Self::OpenRouter];

    /// The name before the slash.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Xai => "xai",
            Self::OpenRouter => "openrouter",
        }
    }

    /// The vendor of a name; `anthropic-claude` is an older name of one.
    fn from_name(name: &str) -> Option<Self> {
        let name = if name == "anthropic-claude" { "anthropic" } else { name };
        Self::ALL.into_iter().find(|vendor| vendor.as_str() == name)
    }

    /// The names of its settings: key, base URL, default model.
    pub fn setting_names(self) -> [&'static str; 3] {
        match self {
            Self::OpenAi => ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"],
            Self::Anthropic => ["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL"],
            Self::Xai => ["XAI_API_KEY", "XAI_BASE_URL", "XAI_MODEL"],
            Self::OpenRouter => ["OPENROUTER_API_KEY", "OPENROUTER_BASE_URL", "OPENROUTER_MODEL"],
        }
    }

    /// Where it is when no base URL is set.
    pub fn base_url_default(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com/v1",
            Self::Xai => "https://api.x.ai/v1",
            Self::OpenRouter => "https://openrouter.ai/api/v1",
        }
    }

    /// Its model when none is named. Names age fast, so each is a setting.
    pub fn model_default(self) -> &'static str {
        match self {
            Self::OpenAi => "gpt-6-luna",
            Self::Anthropic => "claude-haiku-5-5",
            Self::Xai => "grok-4.3",
            Self::OpenRouter => "openai/gpt-6-luna",
        }
    }
}

/// One vendor's settings; what is absent has its default.
#[derive(Debug, Clone, Default)]
pub struct VendorSettings {
    /// The key.
    pub api_key: Option<SecretString>,
    /// Where it is, if elsewhere than usual.
    pub base_url: Option<String>,
    /// Its model when none is named.
    pub default_model: Option<String>,
}

impl VendorSettings {
    /// A key, or an address that was set on purpose: local servers need no key.
    fn is_configured(&self) -> bool {
        self.api_key.is_some() || self.base_url.is_some()
    }
}

/// All providers' settings.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// OpenAI, or any compatible server.
    pub openai: VendorSettings,
    /// Anthropic.
    pub anthropic: VendorSettings,
    /// xAI.
    pub xai: VendorSettings,
    /// OpenRouter.
    pub openrouter: VendorSettings,
    /// The model for those who ask for none; see [`DEFAULT_MODEL_SETTING`].
    pub default_model: Option<String>,
    /// The demo model's pause between words.
    pub demo_word_pause: Duration,
    /// The limits of every call.
    pub limits: CallLimits,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self::from_lookup(|_| None)
    }
}

impl ProviderSettings {
    /// Takes each setting by its name from the caller, who knows where settings come from.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let vendor = |vendor: Vendor| {
            let [api_key, base_url, default_model] = vendor.setting_names().map(&lookup);
            VendorSettings { api_key: api_key.map(SecretString::from), base_url, default_model }
        };
        Self {
            openai: vendor(Vendor::OpenAi),
            anthropic: vendor(Vendor::Anthropic),
            xai: vendor(Vendor::Xai),
            openrouter: vendor(Vendor::OpenRouter),
            default_model: lookup(DEFAULT_MODEL_SETTING),
            demo_word_pause: demo::WORD_PAUSE,
            limits: CallLimits::default(),
        }
    }

    /// One vendor's settings.
    pub fn vendor(&self, vendor: Vendor) -> &VendorSettings {
        match vendor {
            Vendor::OpenAi => &self.openai,
            Vendor::Anthropic => &self.anthropic,
            Vendor::Xai => &self.xai,
            Vendor::OpenRouter => &self.openrouter,
        }
    }
}

/// A model's two names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName {
    /// As the vendor has it; goes into the prompt.
    pub vendor_model: String,
    /// `provider/model`; goes into rows, answers and the ledger.
    pub canonical: String,
}

/// A name that leads to no model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolveError {
    /// No provider has this name.
    UnknownProvider(String),
    /// The provider has no key and no address here.
    NotConfigured(Vendor),
    /// The built-in provider has no such model.
    UnknownModel(String),
    /// The name is too long or has characters that no model's name has.
    InvalidName,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownProvider(name) => {
                write!(
                    f,
                    "There is no model provider “{name}”. Known are openai, anthropic, xai, openrouter and local."
                )
            }
            Self::NotConfigured(vendor) => {
                write!(
                    f,
                    "The model provider “{}” is not configured: set {}.",
                    vendor.as_str(),
                    vendor.setting_names()[0]
                )
            }
            Self::UnknownModel(name) => write!(f, "There is no model “local/{name}”, only “{DEMO_MODEL}”."),
            Self::InvalidName => {
                write!(f, "A model's name has 1 to {MODEL_NAME_BYTES_MAX} printable ASCII characters without spaces.")
            }
        }
    }
}

impl std::error::Error for ResolveError {}

/// The configured providers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Providers {
    settings: ProviderSettings,
    http: reqwest::Client,
}

impl Providers {
    /// Providers that are called with this client, which must follow no redirects.
    pub fn new(settings: ProviderSettings, http: reqwest::Client) -> Self {
        Self { settings, http }
    }

    /// The model of a name, or the default: the one that is set, else that of the first configured
    /// vendor, else the built-in one. A vendor's bare name means its default model.
    pub fn resolve(&self, name: Option<&str>) -> Result<(ChatModel, ModelName), ResolveError> {
        match name.or(self.settings.default_model.as_deref()) {
            Some(name) => self.resolve_name(name),
            None => match Vendor::ALL.into_iter().find(|vendor| self.settings.vendor(*vendor).is_configured()) {
                Some(vendor) => self.resolve_name(vendor.as_str()),
                None => self.resolve_name(DEMO_MODEL),
            },
        }
    }

    fn resolve_name(&self, name: &str) -> Result<(ChatModel, ModelName), ResolveError> {
        let printable = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !printable || name.len() > MODEL_NAME_BYTES_MAX {
            return Err(ResolveError::InvalidName);
        }
        let (provider, model) = match name.split_once('/') {
            Some((_, "")) => return Err(ResolveError::InvalidName),
            Some((provider, model)) => (provider, Some(model)),
            None => (name, None),
        };
        if provider == "local" {
            return self.resolve_local(model.unwrap_or("demo"));
        }
        let vendor = Vendor::from_name(provider).ok_or_else(|| ResolveError::UnknownProvider(provider.to_owned()))?;
        let settings = self.settings.vendor(vendor);
        if !settings.is_configured() {
            return Err(ResolveError::NotConfigured(vendor));
        }
        let vendor_model = model.or(settings.default_model.as_deref()).unwrap_or(vendor.model_default()).to_owned();
        let canonical = format!("{}/{vendor_model}", vendor.as_str());
        Ok((self.model(vendor), ModelName { vendor_model, canonical }))
    }

    fn resolve_local(&self, model: &str) -> Result<(ChatModel, ModelName), ResolveError> {
        if model != "demo" {
            return Err(ResolveError::UnknownModel(model.to_owned()));
        }
        let name = ModelName { vendor_model: model.to_owned(), canonical: DEMO_MODEL.to_owned() };
        Ok((ChatModel::Demo(DemoModel::new(self.settings.demo_word_pause)), name))
    }

    fn model(&self, vendor: Vendor) -> ChatModel {
        let VendorSettings { api_key, base_url, .. } = self.settings.vendor(vendor);
        let base_url = base_url.as_deref().unwrap_or(vendor.base_url_default());
        let (http, key, limits) = (self.http.clone(), api_key.clone(), self.settings.limits);
        match vendor {
            Vendor::Anthropic => ChatModel::Anthropic(AnthropicClient::new(http, base_url, key).with_limits(limits)),
            Vendor::OpenAi | Vendor::Xai | Vendor::OpenRouter => {
                ChatModel::OpenAi(OpenAiClient::new(http, base_url, key).with_limits(limits))
            }
        }
    }
}
