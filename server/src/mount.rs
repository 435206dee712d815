//! All functions in one router, as `template.yaml` spreads them over many.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth::{InvalidKey, SigningKey};
use axum::Router;
use base::auth::{Auth, Issuer, KeySource};
use base::config::{ConfigError, Env};
use base::http;
use base::http_client::HttpClient;
use base::queue::{Announce, Bell, JobsQueue};
use base::rate_limit::Limiter;
use base::store::Store;
use base::{Clock, Db, Error, Result, caller};
use chat::LiveReplies;
use secrecy::{ExposeSecret, SecretString};

use crate::description;

/// How many connections to the database requests share, unless `DATABASE_CONNECTIONS_MAX` says otherwise.
const CONNECTIONS_MAX: &str = "16";
/// The setting with the key the built-in issuer signs with.
const SIGNING_KEY_SETTING: &str = "AUTH_SIGNING_KEY";
/// The file in the data folder that holds this key where the setting does not.
const SIGNING_KEY_FILE: &str = "auth_signing_key.pem";

/// What the functions run with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// All other settings.
    pub env: Env,
    /// The database, for the login `almanac_app`.
    pub database_url: String,
    /// The database, for the login `almanac_service`.
    pub service_database_url: String,
    /// Where a signing key is kept when the environment gives none.
    pub data_dir: Option<PathBuf>,
    /// The address that clients use, without a slash at its end; the built-in issuer's name.
    pub public_url: String,
    /// The time.
    pub clock: Clock,
    /// The replies that the functions write.
    pub live: LiveReplies,
    /// Wakes the workers of this process when there is work for them.
    pub bell: Bell,
}

/// Builds every function and puts the common layers around them.
///
/// # Errors
///
/// When a setting is wrong, the database is away or the login is not held by row-level security, or the signing key
/// cannot be read or made.
pub async fn router(settings: Settings) -> Result<Router> {
    let signing_key = signing_key(&settings.env, settings.data_dir.as_deref())?;
    let (db, router) = build(settings, signing_key)?;
    db.check_login().await?;
    Ok(router)
}

/// Builds the same and drops it, without asking anybody or making anything.
///
/// # Errors
///
/// When a setting is wrong.
pub fn check(settings: Settings) -> Result<()> {
    let env = &settings.env;
    let signing_key = if settings.data_dir.is_some() && env.get(SIGNING_KEY_SETTING).is_none() {
        // In place of the one that is in the folder, or will be.
        let pem = SigningKey::generate_pem();
        SigningKey::from_pem(pem.expose_secret()).map_err(Error::internal)?.accepting_from_env(env)?
    } else {
        SigningKey::from_env(env)?
    };
    build(settings, signing_key).map(drop)
}

/// Builds every function. Opens nothing yet.
fn build(settings: Settings, signing_key: SigningKey) -> Result<(Db, Router)> {
    let connections = settings.env.get("DATABASE_CONNECTIONS_MAX").unwrap_or(CONNECTIONS_MAX).to_owned();
    let env = settings
        .env
        .with("DATABASE_URL", settings.database_url)
        .with("DATABASE_SERVICE_URL", settings.service_database_url)
        .with("DATABASE_CONNECTIONS_MAX", connections);
    let clock = settings.clock;
    let db = Db::from_env(&env)?;
    let http = HttpClient::default();
    let store = Store::from_env(&env, clock.clone(), &http)?;
    let limiter = Limiter::from_env(&env, clock.clone(), store.clone())?;

    let issuers = issuers(&env, &settings.public_url, &signing_key)?;
    let auth = Auth::new(issuers, db.clone(), clock.clone(), &http);

    // Where a queue is set, it calls whoever does the jobs.
    let announcer: Arc<dyn Announce> = match JobsQueue::from_env(&env, &http)? {
        Some(queue) => Arc::new(queue),
        None => Arc::new(settings.bell),
    };
    let announcing = db.clone().announcing(Arc::clone(&announcer));
    let caller = caller::App { auth: auth.clone(), db: db.clone(), clock: clock.clone() };
    let router = Router::new()
        .merge(auth::router(auth::App::new(
            db.clone(),
            signing_key,
            &settings.public_url,
            clock.clone(),
            limiter.clone(),
        )))
        .merge(clerk_webhook::router(clerk_webhook::App::new(
            Db::service_from_env(&env)?.announcing(announcer),
            clerk_webhook::Settings::from_env(&env)?,
            clock.clone(),
        )))
        .merge(changes::router(caller.clone()))
        .merge(chat::router(chat::App {
            store: store.clone(),
            live: settings.live,
            ..chat::App::new(&env, auth.clone(), db.clone(), clock.clone(), limiter.clone(), http.clone())?
        }))
        .merge(conversation::router(conversation::App::new(&env, limiter.clone(), http.clone())?))
        .merge(conversations::router(conversations::App::new(
            auth.clone(),
            db.clone(),
            clock.clone(),
            limiter.clone(),
            &settings.public_url,
        )))
        .merge(health::router(health::App { db: db.clone(), store: store.clone() }))
        .merge(history::router(caller.clone()))
        .merge(notes::router(caller.clone()))
        .merge(planning::router(caller.clone()))
        .merge(tasks::router(caller))
        .merge(users::router(users::App::new(auth, announcing, clock.clone(), limiter)))
        .merge(description::router());
    Ok((db, http::finish(router, http::Settings::from_env(&env, clock)?)))
}

/// The issuers of `AUTH_ISSUERS`, and the built-in one.
fn issuers(env: &Env, public_url: &str, signing_key: &SigningKey) -> Result<Vec<Issuer>> {
    let mut issuers = Issuer::list_from_env(env)?;
    issuers.push(Issuer {
        issuer: public_url.to_owned(),
        is_built_in: true,
        audience: vec!["authenticated".to_owned()],
        authorized_parties: Vec::new(),
        keys: KeySource::Set(signing_key.jwks()),
    });
    Ok(issuers)
}

/// The key from `AUTH_SIGNING_KEY`, or from the data folder, where it is made on the first run.
fn signing_key(env: &Env, data_dir: Option<&Path>) -> Result<SigningKey> {
    let Some(data_dir) = data_dir.filter(|_| env.get(SIGNING_KEY_SETTING).is_none()) else {
        return Ok(SigningKey::from_env(env)?);
    };
    let path = data_dir.join(SIGNING_KEY_FILE);
    let pem = match std::fs::read_to_string(&path) {
        Ok(pem) => SecretString::from(pem),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let pem = SigningKey::generate_pem();
            write_private(&path, pem.expose_secret()).map_err(Error::internal)?;
            pem
        }
        Err(error) => return Err(Error::internal(error)),
    };
    let wrong = |error: InvalidKey| ConfigError::new(&path.display().to_string(), error.to_string());
    Ok(SigningKey::from_pem(pem.expose_secret()).map_err(wrong)?.accepting_from_env(env)?)
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_private(path: &Path, content: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let half_written = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&half_written)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(half_written, path)
}
