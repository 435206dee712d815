//! What can be known about the settings before anything is started or changed.

use auth::SigningKey;
use base::Clock;
use base::auth::Issuer;
use base::config::Env;

use super::told;
use crate::failure::{Failure, Result};

/// Refuses settings with which the functions could not be started.
pub(super) fn check(env: &Env) -> Result<()> {
    let check = || {
        base::http::Settings::from_env(env, Clock::system())?;
        Issuer::list_from_env(env)?;
        clerk_webhook::Settings::from_env(env)?;
        if env.get("AUTH_SIGNING_KEY").is_some() {
            SigningKey::from_env(env)?;
        }
        Ok(())
    };
    check().map_err(|error| Failure::new(format!("The functions cannot be started: {}", told(&error))))
}
