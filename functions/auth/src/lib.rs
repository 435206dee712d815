//! The built-in issuer: accounts with a password, short access tokens, rotating refresh tokens.
//!
//! | route | handler |
//! |---|---|
//! | `POST /api/auth/register` | [`register`] |
//! | `POST /api/auth/login` | [`login`] |
//! | `POST /api/auth/refresh` | [`refresh`] |
//! | `POST /api/auth/logout` | [`logout`] |
//! | `GET /.well-known/jwks.json` | [`show_jwks`] |
//!
//! Access tokens are ES256 JWTs that anybody can verify with the published key. Passwords and sessions are
//! out of reach for every role that a request takes on: only functions of the database's schema `almanac`
//! touch them.

mod limits;
mod login;
mod logout;
mod make_administrator;
mod password;
mod refresh;
mod refresh_token;
mod register;
mod session;
mod show_jwks;
mod signing_key;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use base::config::Env;
use base::http_client::HttpClient;
use base::rate_limit::Limiter;
use base::store::Store;
use base::{Clock, Db};
use utoipa::OpenApi;

pub use make_administrator::{Appointment, make_administrator};
pub use session::{ACCESS_TOKEN_TTL, AUDIENCE, REFRESH_GRACE, REFRESH_TOKEN_TTL};
pub use signing_key::{InvalidKey, SigningKey};

/// The largest body these routes take, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// What this function may use: the key that signs tokens, the database's functions for signing in, and the short-lived
/// store, to count how often somebody tries.
#[derive(Debug, Clone)]
pub struct App {
    db: Db,
    clock: Clock,
    limiter: Limiter,
    key: Arc<SigningKey>,
    passwords: password::Hasher,
    /// The issuer, without a slash at its end.
    issuer: Arc<str>,
}

impl App {
    /// Reads `DATABASE_URL`, `AUTH_SIGNING_KEY` and `AUTH_ACCEPTED_KEY` (PEM, PKCS #8, P-256), `STORE_TABLE` and
    /// `PUBLIC_URL`, which names the issuer.
    pub fn from_env(env: &Env) -> base::Result<Self> {
        let clock = Clock::system();
        let key = SigningKey::from_env(env)?;
        let public_url = env.require("PUBLIC_URL")?;
        let store = Store::from_env(env, clock.clone(), &HttpClient::default())?;
        let limiter = Limiter::from_env(env, clock.clone(), store)?;
        Ok(Self::new(Db::from_env(env)?, key, public_url, clock, limiter))
    }

    /// An issuer named by the address that the public knows it under.
    pub fn new(db: Db, key: SigningKey, public_url: &str, clock: Clock, limiter: Limiter) -> Self {
        let issuer = issuer_of(public_url).into();
        Self { db, clock, limiter, key: Arc::new(key), passwords: password::Hasher::new(), issuer }
    }
}

/// The `iss` of tokens that are issued under this address.
pub fn issuer_of(public_url: &str) -> &str {
    public_url.trim_end_matches('/')
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/api/auth/register", post(register::register))
        .route("/api/auth/login", post(login::login))
        .route("/api/auth/refresh", post(refresh::refresh))
        .route("/api/auth/logout", post(logout::logout))
        .route("/.well-known/jwks.json", get(show_jwks::show_jwks))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(app)
}

#[derive(OpenApi)]
#[openapi(paths(register::register, login::login, refresh::refresh, logout::logout, show_jwks::show_jwks))]
struct Api;

/// This function's part of the API description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
