//! Which Clerk is believed.

use base::config::{ConfigError, Env};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;

/// What stands before the key in a signing secret.
const SECRET_PREFIX: &str = "whsec_";

/// The secret that events are signed with, and the issuer whose subjects they speak of.
pub struct Settings {
    pub(crate) key: Hmac<Sha256>,
    pub(crate) issuer: String,
}

impl Settings {
    /// Reads `CLERK_WEBHOOK_SECRET` (`whsec_…`, from the endpoint's page) and `CLERK_ISSUER` (the exact `iss` of
    /// Clerk's tokens). None when neither is set.
    pub fn from_env(env: &Env) -> Result<Option<Self>, ConfigError> {
        if env.get("CLERK_WEBHOOK_SECRET").is_none() && env.get("CLERK_ISSUER").is_none() {
            return Ok(None);
        }
        let (secret, issuer) = (env.require("CLERK_WEBHOOK_SECRET")?, env.require("CLERK_ISSUER")?);
        let key = key_of(secret)
            .ok_or_else(|| ConfigError::new("CLERK_WEBHOOK_SECRET", "is not whsec_ followed by base64"))?;
        Ok(Some(Self { key, issuer: issuer.to_owned() }))
    }
}

/// The key inside a signing secret.
pub(crate) fn key_of(secret: &str) -> Option<Hmac<Sha256>> {
    let bytes = BASE64_STANDARD.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()?;
    if bytes.is_empty() { None } else { Hmac::new_from_slice(&bytes).ok() }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secret: Option<&str>, issuer: Option<&str>, expected: Result<bool, &str>) {
        let pairs = [("CLERK_WEBHOOK_SECRET", secret), ("CLERK_ISSUER", issuer)];
        let env = Env::from_pairs(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let read = Settings::from_env(&env).map(|settings| settings.is_some());
        assert_eq!(read.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn is_whole_or_absent() {
        check(None, None, Ok(false));
        check(Some("whsec_c2VjcmV0"), Some("https://clerk.example"), Ok(true));
        check(Some("whsec_c2VjcmV0"), None, Err("CLERK_ISSUER: is not set"));
        check(None, Some("https://clerk.example"), Err("CLERK_WEBHOOK_SECRET: is not set"));
        let unreadable = Err("CLERK_WEBHOOK_SECRET: is not whsec_ followed by base64");
        check(Some("c2VjcmV0"), Some("https://clerk.example"), unreadable);
        check(Some("whsec_"), Some("https://clerk.example"), unreadable);
        check(Some("whsec_???"), Some("https://clerk.example"), unreadable);
    }
}
