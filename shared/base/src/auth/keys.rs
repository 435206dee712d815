//! An issuer's verification keys, fetched and cached.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use secrecy::ExposeSecret;

use super::KeySource;
use crate::Clock;
use crate::http_client::HttpClient;

/// How long fetched keys are used before they are fetched again.
const FRESH_SECONDS: i64 = 600;
/// An unknown key id causes a fetch at most this often.
const REFETCH_SECONDS: i64 = 30;
/// How long a fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest key set taken, in bytes.
const JWKS_BYTES_MAX: usize = 256 * 1024;

/// A key with the one algorithm it is for.
#[derive(Clone)]
pub(super) struct VerificationKey {
    pub(super) key: DecodingKey,
    pub(super) algorithm: Algorithm,
}

/// One issuer's keys.
pub(super) struct Keys {
    source: KeySource,
    clock: Clock,
    http: HttpClient,
    fetched: Mutex<Fetched>,
    /// Held while fetching, so that one fetch serves all who wait for it.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Fetched {
    set: Option<JwkSet>,
    /// When the set was fetched, in seconds since 1970.
    at: i64,
    /// When a fetch was last tried, whether it worked or not.
    tried_at: Option<i64>,
}

impl Keys {
    pub(super) fn new(source: KeySource, clock: Clock, http: HttpClient) -> Self {
        Self { source, clock, http, fetched: Mutex::default(), fetching: tokio::sync::Mutex::default() }
    }

    /// The key with this id. Without an id, the only key of the set.
    pub(super) async fn find(&self, kid: Option<&str>) -> Option<VerificationKey> {
        match &self.source {
            KeySource::Secret(secret) => Some(VerificationKey {
                key: DecodingKey::from_secret(secret.expose_secret().as_bytes()),
                algorithm: Algorithm::HS256,
            }),
            KeySource::Set(set) => pick(set, kid).and_then(verification_key),
            KeySource::Url(url) => self.find_fetched(url, kid).await,
        }
    }

    async fn find_fetched(&self, url: &str, kid: Option<&str>) -> Option<VerificationKey> {
        let (known, may_fetch) = self.recall(kid);
        if !may_fetch {
            return known;
        }
        if known.is_some() {
            // One request renews old keys; the others go on with them meanwhile.
            if let Ok(_only) = self.fetching.try_lock() {
                self.renew(url).await;
            }
        } else {
            let _turn = self.fetching.lock().await;
            // Whoever had the turn before may have brought the key.
            if let (None, true) = self.recall(kid) {
                self.renew(url).await;
            }
        }
        self.recall(kid).0
    }

    /// The key as it is known, and whether it is time to ask the issuer.
    fn recall(&self, kid: Option<&str>) -> (Option<VerificationKey>, bool) {
        let fetched = self.lock();
        let now = self.clock.now_seconds();
        let known = fetched.set.as_ref().and_then(|set| pick(set, kid)).and_then(verification_key);
        let is_fresh = fetched.set.is_some() && now - fetched.at < FRESH_SECONDS;
        let may_fetch = fetched.tried_at.is_none_or(|tried| now - tried >= REFETCH_SECONDS);
        let is_satisfied = known.is_some() && is_fresh;
        (known, may_fetch && !is_satisfied)
    }

    async fn renew(&self, url: &str) {
        let now = self.clock.now_seconds();
        let answer = self.fetch(url).await;
        let mut fetched = self.lock();
        // Only now: whoever comes while this fetches is to wait for it, and not to be told that it was tried.
        fetched.tried_at = Some(now);
        match answer {
            Ok(set) => {
                fetched.set = Some(set);
                fetched.at = now;
            }
            // The old keys serve on: an issuer that is away must not sign everybody out.
            Err(detail) => tracing::warn!(url, detail, "an issuer's keys could not be fetched"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Fetched> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self, url: &str) -> Result<JwkSet, String> {
        let client = self.http.get();
        let fetching = async {
            let mut response = client.get(url).send().await?.error_for_status()?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                body.extend_from_slice(&chunk);
                if body.len() > JWKS_BYTES_MAX {
                    break;
                }
            }
            Ok::<_, reqwest::Error>(body)
        };
        let body = tokio::time::timeout(FETCH_TIMEOUT, fetching).await.map_err(|_| "timed out".to_owned())?;
        let body = body.map_err(|error| error.to_string())?;
        if body.len() > JWKS_BYTES_MAX {
            return Err("larger than a key set may be".to_owned());
        }
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    }
}

fn pick<'s>(set: &'s JwkSet, kid: Option<&str>) -> Option<&'s Jwk> {
    match (kid, set.keys.as_slice()) {
        (Some(kid), _) => set.find(kid),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// The algorithm comes from the key's own type. Symmetric keys have no place in a public set.
fn verification_key(jwk: &Jwk) -> Option<VerificationKey> {
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return None;
    }
    let declared: Option<Algorithm> = jwk.common.key_algorithm.and_then(|algorithm| algorithm.to_string().parse().ok());
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => match declared {
            None => Algorithm::RS256,
            Some(declared) if declared.family() == AlgorithmFamily::Rsa => declared,
            Some(_) => return None,
        },
        AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
            EllipticCurve::P256 => Algorithm::ES256,
            EllipticCurve::P384 => Algorithm::ES384,
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(_) => Algorithm::EdDSA,
        _ => return None,
    };
    Some(VerificationKey { key: DecodingKey::from_jwk(jwk).ok()?, algorithm })
}
