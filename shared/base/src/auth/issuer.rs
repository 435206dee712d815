//! The issuers whose tokens are taken, from the setting `AUTH_ISSUERS`.

use jsonwebtoken::jwk::JwkSet;
use secrecy::SecretString;
use serde::Deserialize;

use crate::config::{ConfigError, Env};

/// One issuer of tokens.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// The exact `iss` of its tokens.
    pub issuer: String,
    /// The product's own issuer: the subject is the user's id itself.
    pub is_built_in: bool,
    /// The accepted `aud` values; empty means that none is asked for.
    pub audience: Vec<String>,
    /// The accepted `azp` values; empty means that none is asked for.
    pub authorized_parties: Vec<String>,
    /// Where its keys are.
    pub keys: KeySource,
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// Fetched from this address and cached.
    Url(String),
    /// Known beforehand.
    Set(JwkSet),
    /// An HS256 secret, as older Supabase projects have.
    Secret(SecretString),
}

/// One entry of `AUTH_ISSUERS`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    issuer: String,
    jwks_url: Option<String>,
    jwks: Option<JwkSet>,
    secret: Option<SecretString>,
    #[serde(default)]
    audience: OneOrMany,
    #[serde(default)]
    authorized_parties: OneOrMany,
    #[serde(default)]
    built_in: bool,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

impl Issuer {
    /// Reads `AUTH_ISSUERS`: a JSON array of objects with `issuer` and one of `jwks_url`, `jwks` or `secret`, and
    /// optionally `audience`, `authorized_parties` (a string or an array each) and `built_in`.
    pub fn list_from_env(env: &Env) -> Result<Vec<Self>, ConfigError> {
        let wrong = |detail: String| ConfigError::new("AUTH_ISSUERS", detail);
        let Some(text) = env.get("AUTH_ISSUERS") else { return Ok(Vec::new()) };
        // The parser's message could quote a secret, so only the place is told.
        let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| {
            wrong(format!(
                "is not a JSON array of issuers (line {}, column {}); each needs issuer and one of jwks_url, jwks, secret",
                error.line(),
                error.column()
            ))
        })?;
        entries.into_iter().map(|entry| Self::from_entry(entry).map_err(wrong)).collect()
    }

    fn from_entry(entry: Entry) -> Result<Self, String> {
        let keys = match (entry.jwks_url, entry.jwks, entry.secret) {
            (Some(url), None, None) => KeySource::Url(url),
            (None, Some(set), None) => KeySource::Set(set),
            (None, None, Some(secret)) => KeySource::Secret(secret),
            _ => return Err(format!("the issuer {} needs exactly one of jwks_url, jwks, secret", entry.issuer)),
        };
        Ok(Self {
            issuer: entry.issuer,
            is_built_in: entry.built_in,
            audience: entry.audience.into_vec(),
            authorized_parties: entry.authorized_parties.into_vec(),
            keys,
        })
    }
}
