//! The user behind a token, as an extractor: a handler that takes a [`User`] is only reached by one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{FromRef, FromRequestParts};
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::verify::Verifier;
use super::{Claims, Issuer};
use crate::config::Env;
use crate::http_client::HttpClient;
use crate::{Clock, Db, Error, Result, params, request};

/// A user's state is asked again after this long, so a deactivation made elsewhere takes effect within it.
const REMEMBER_SECONDS: i64 = 30;
/// How many users are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// What a user may do beyond their own data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Their own data only.
    User,
    /// Also manages other users.
    Admin,
}

impl Role {
    /// Reads the database's word; an unknown one grants nothing extra.
    pub fn from_name(name: &str) -> Self {
        if name == "admin" { Self::Admin } else { Self::User }
    }

    /// The database's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// The signed-in user. As an extractor it answers 401 without a valid token, 403 when deactivated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The internal id, the same whichever issuer vouched.
    pub id: Uuid,
    /// What they may do beyond their own data.
    pub role: Role,
}

/// A signed-in user with the role `admin`; others get 403.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin(pub User);

/// Turns tokens into users. Clones share the caches.
#[derive(Debug, Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    verifier: Verifier,
    db: Db,
    clock: Clock,
    remembered: Mutex<HashMap<(String, String), (User, i64)>>,
}

impl Auth {
    /// Takes the tokens of the issuers in `AUTH_ISSUERS`, whose keys are fetched with this client.
    pub fn from_env(env: &Env, db: Db, clock: Clock, http: &HttpClient) -> Result<Self> {
        Ok(Self::new(Issuer::list_from_env(env)?, db, clock, http))
    }

    /// Takes the tokens of these issuers.
    pub fn new(issuers: Vec<Issuer>, db: Db, clock: Clock, http: &HttpClient) -> Self {
        let verifier = Verifier::new(issuers, clock.clone(), http);
        Self { inner: Arc::new(Inner { verifier, db, clock, remembered: Mutex::default() }) }
    }

    /// The user whom this token was issued to.
    pub async fn user_of(&self, token: &str) -> Result<User> {
        let (issuer, claims) = self.inner.verifier.verify(token).await?;
        let key = (claims.iss.clone(), claims.sub.clone());
        let now = self.inner.clock.now_seconds();
        if let Ok(remembered) = self.inner.remembered.lock()
            && let Some((user, until)) = remembered.get(&key)
            && *until > now
        {
            return Ok(user.clone());
        }
        let user = self.look_up(issuer, &claims).await?;
        if let Ok(mut remembered) = self.inner.remembered.lock() {
            if remembered.len() >= REMEMBERED_MAX {
                remembered.clear();
            }
            remembered.insert(key, (user.clone(), now + REMEMBER_SECONDS));
        }
        Ok(user)
    }

    /// Forgets what is remembered of a user whose role or state just changed.
    pub fn forget(&self, user: Uuid) {
        if let Ok(mut remembered) = self.inner.remembered.lock() {
            remembered.retain(|_, (known, _)| known.id != user);
        }
    }

    /// The built-in issuer names users by their id; others are mapped, and provisioned on first sight.
    async fn look_up(&self, issuer: &Issuer, claims: &Claims) -> Result<User> {
        let tx = self.inner.db.as_app().await?.repeatable();
        let rows = if issuer.is_built_in {
            let gone = || Error::unauthorized("token_invalid", "The token is not valid.");
            let id: Uuid = claims.sub.parse().map_err(|_| gone())?;
            tx.query_and_commit("select id, role, is_active from almanac.find_user($1)", params![id]).await?
        } else {
            tx.query_and_commit(
                "select id, role, is_active from almanac.find_or_provision_user($1, $2, $3, $4, $5)",
                params![self.inner.clock.new_id(), claims.iss, claims.sub, claims.email, claims.name],
            )
            .await?
        };
        let row = rows.first().ok_or_else(|| Error::unauthorized("token_invalid", "The token is not valid."))?;
        if !row.get::<_, bool>("is_active") {
            return Err(Error::forbidden("user_deactivated", "This account is deactivated."));
        }
        Ok(User { id: row.get("id"), role: Role::from_name(row.get("role")) })
    }
}

impl<S> FromRequestParts<S> for User
where
    Auth: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        if let Some(user) = parts.extensions.get::<Self>() {
            return Ok(user.clone());
        }
        let token = bearer(parts)?;
        let user = Auth::from_ref(state).user_of(token).await?;
        request::note(|notes| notes.user_id = Some(user.id));
        parts.extensions.insert(user.clone());
        Ok(user)
    }
}

impl<S> FromRequestParts<S> for Admin
where
    Auth: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let user = User::from_request_parts(parts, state).await?;
        if user.role == Role::Admin {
            Ok(Self(user))
        } else {
            Err(Error::forbidden("admin_only", "Only administrators may do this."))
        }
    }
}

fn bearer(parts: &Parts) -> Result<&str> {
    let missing = || Error::unauthorized("token_missing", "Send a token: authorization: Bearer <access_token>.");
    let value = parts.headers.get(AUTHORIZATION).ok_or_else(missing)?.to_str().map_err(|_| missing())?;
    let (scheme, token) = value.split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(missing()) }
}
