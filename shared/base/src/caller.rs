//! What a function that acts as the caller, and does nothing else, may use.

use axum::extract::FromRef;

use crate::auth::Auth;
use crate::config::Env;
use crate::http_client::HttpClient;
use crate::{Clock, Db, Result};

/// The database as the caller.
#[derive(Debug, Clone, FromRef)]
pub struct App {
    /// Whose tokens are taken.
    pub auth: Auth,
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
}

impl App {
    /// Reads `DATABASE_URL` and `AUTH_ISSUERS`.
    pub fn from_env(env: &Env) -> Result<Self> {
        let (db, clock) = (Db::from_env(env)?, Clock::system());
        let auth = Auth::from_env(env, db.clone(), clock.clone(), &HttpClient::default())?;
        Ok(Self { auth, db, clock })
    }
}
