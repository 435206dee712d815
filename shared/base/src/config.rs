//! Settings. They come from the environment only, are read once at start, and a wrong one is named.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use secrecy::SecretString;

/// A snapshot of the environment. Values may be secrets, so it never prints them.
#[derive(Clone, Default)]
pub struct Env {
    values: BTreeMap<String, String>,
}

/// A setting that is missing or cannot be understood.
#[derive(Debug)]
pub struct ConfigError {
    /// The setting's name.
    pub name: String,
    /// What is wrong, as a sentence that does not quote secrets.
    pub detail: String,
}

impl ConfigError {
    /// What is wrong with a setting: the rest of a sentence that begins with its name, and quotes no secret.
    pub fn new(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), detail: detail.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.detail)
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for crate::Error {
    fn from(error: ConfigError) -> Self {
        Self::internal(error)
    }
}

impl Env {
    /// The process's environment. Names and values that are not UTF-8 are left out.
    pub fn from_process() -> Self {
        let pairs = std::env::vars_os();
        Self { values: pairs.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect() }
    }

    /// Exactly these settings.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { values: pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect() }
    }

    /// The same settings with one replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(name.into(), value.into());
        self
    }

    /// A setting's value; an empty one counts as absent, as templates often pass empty strings.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A setting that must be there.
    pub fn require(&self, name: &str) -> Result<&str, ConfigError> {
        self.get(name).ok_or_else(|| ConfigError::new(name, "is not set"))
    }

    /// A setting that must stay secret.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).map(|value| SecretString::from(value.to_owned()))
    }

    /// A parsed setting, or the default when absent.
    pub fn parse_or<T>(&self, name: &str, default: T) -> Result<T, ConfigError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        match self.get(name) {
            None => Ok(default),
            Some(value) => {
                value.parse().map_err(|error: T::Err| ConfigError::new(name, format!("cannot be read: {error}")))
            }
        }
    }

    /// A parsed setting within its bounds, or the default when absent.
    pub fn parse_within<T>(&self, name: &str, default: T, bounds: RangeInclusive<T>) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + fmt::Display,
        T::Err: fmt::Display,
    {
        let value = self.parse_or(name, default)?;
        if bounds.contains(&value) {
            return Ok(value);
        }
        Err(ConfigError::new(name, format!("is from {} to {}", bounds.start(), bounds.end())))
    }

    /// A comma-separated list; absent means empty.
    pub fn list(&self, name: &str) -> Vec<String> {
        let parts = self.get(name).unwrap_or_default().split(',');
        parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}
