//! Verifying a token: signature, issuer, audience, time, and what particular issuers add.

use std::collections::HashMap;
use std::sync::Mutex;

use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::keys::Keys;
use super::{Issuer, KeySource};
use crate::http_client::HttpClient;
use crate::{Clock, Error, Result};

/// How far the issuer's clock may be off. Clerk's tokens live 60 s, so it is short.
pub const LEEWAY_SECONDS: i64 = 5;
/// The longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// A verified token is remembered for this long, so that a busy client is verified once and not each time.
const REMEMBER_SECONDS: i64 = 60;
/// How many tokens are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// The claims that matter here. Claims a user can write (`user_metadata`) are left unread on purpose.
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The subject: the user, as the issuer names them.
    pub sub: String,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it begins, in seconds since 1970.
    pub nbf: Option<i64>,
    /// The party it was issued to.
    pub azp: Option<String>,
    /// The e-mail address, when the issuer tells.
    pub email: Option<String>,
    /// The full name, when the issuer tells.
    pub name: Option<String>,
    /// Clerk's session status; `pending` has yet to finish signing in.
    sts: Option<String>,
    /// The session, which the built-in issuer tells.
    pub sid: Option<String>,
}

pub(super) struct Verifier {
    clock: Clock,
    issuers: Vec<(Issuer, Keys)>,
    remembered: Mutex<HashMap<[u8; 32], (usize, Claims, i64)>>,
}

impl Verifier {
    pub(super) fn new(issuers: Vec<Issuer>, clock: Clock, http: &HttpClient) -> Self {
        let with_keys = |issuer: Issuer| {
            let keys = Keys::new(issuer.keys.clone(), clock.clone(), http.clone());
            (issuer, keys)
        };
        Self { issuers: issuers.into_iter().map(with_keys).collect(), clock, remembered: Mutex::default() }
    }

    /// The claims of a valid token, with its issuer.
    pub(super) async fn verify(&self, token: &str) -> Result<(&Issuer, Claims)> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refused("too long"));
        }
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some((index, claims)) = self.recall(&digest) {
            self.check_time(&claims)?;
            return Ok((&self.issuers[index].0, claims));
        }
        let (index, claims) = self.verify_fresh(token).await?;
        self.remember(digest, index, claims.clone());
        Ok((&self.issuers[index].0, claims))
    }

    async fn verify_fresh(&self, token: &str) -> Result<(usize, Claims)> {
        let header = decode_header(token).map_err(|_| refused("unreadable header"))?;
        let claimed: Claims =
            jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| refused("unreadable claims"))?;
        let index = self.issuers.iter().position(|(issuer, _)| issuer.issuer == claimed.iss);
        let index = index.ok_or_else(|| refused("unknown issuer"))?;
        let (issuer, keys) = &self.issuers[index];
        let kid = header.kid.as_deref();
        let key = keys.find(kid).await.ok_or_else(|| refused("unknown key"))?;

        let mut validation = Validation::new(key.algorithm);
        validation.set_issuer(&[&issuer.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Time is checked below, against the clock that tests can move.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        if issuer.audience.is_empty() {
            validation.validate_aud = false;
        } else {
            validation.set_audience(&issuer.audience);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        let claims = decode::<Claims>(token, &key.key, &validation).map_err(|_| refused("not valid"))?.claims;
        self.check_time(&claims)?;
        check_party(issuer, &claims)?;
        Ok((index, claims))
    }

    fn check_time(&self, claims: &Claims) -> Result<()> {
        let now = self.clock.now_seconds();
        if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
            return Err(Error::unauthorized("token_expired", "The token has expired. Sign in or refresh it."));
        }
        if claims.nbf.is_some_and(|nbf| nbf.saturating_sub(LEEWAY_SECONDS) > now) {
            return Err(refused("not valid yet"));
        }
        Ok(())
    }

    fn recall(&self, digest: &[u8; 32]) -> Option<(usize, Claims)> {
        let remembered = self.remembered.lock().ok()?;
        let (index, claims, until) = remembered.get(digest)?;
        (*until > self.clock.now_seconds()).then(|| (*index, claims.clone()))
    }

    fn remember(&self, digest: [u8; 32], index: usize, claims: Claims) {
        let Ok(mut remembered) = self.remembered.lock() else { return };
        let now = self.clock.now_seconds();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, (_, _, until)| *until > now);
            if remembered.len() >= REMEMBERED_MAX {
                remembered.clear();
            }
        }
        remembered.insert(digest, (index, claims, now + REMEMBER_SECONDS));
    }
}

fn check_party(issuer: &Issuer, claims: &Claims) -> Result<()> {
    if claims.sub.is_empty() || claims.sts.as_deref() == Some("pending") {
        return Err(refused("not signed in"));
    }
    let parties = &issuer.authorized_parties;
    let is_known = claims.azp.as_ref().is_some_and(|azp| parties.contains(azp));
    if parties.is_empty() || is_known { Ok(()) } else { Err(refused("unknown party")) }
}

/// Why is for the debug log; the client learns only that the token is no good.
fn refused(reason: &'static str) -> Error {
    tracing::debug!(reason, "a token was refused");
    Error::unauthorized("token_invalid", "The token is not valid.")
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let issuers = self.issuers.iter().map(|(issuer, _)| match &issuer.keys {
            KeySource::Url(url) => format!("{} ({url})", issuer.issuer),
            KeySource::Set(_) | KeySource::Secret(_) => issuer.issuer.clone(),
        });
        f.debug_list().entries(issuers).finish()
    }
}
