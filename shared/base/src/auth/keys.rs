//! An issuer's verification keys, fetched and cached.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::KeySource;
use crate::{Clock, http_client};

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
    http: OnceLock<reqwest::Client>,
    fetched: Mutex<Fetched>,
}

#[derive(Default)]
struct Fetched {
    set: Option<Arc<JwkSet>>,
    /// When the set was fetched, in seconds since 1970.
    at: i64,
    /// When a fetch was last tried, whether it worked or not.
    tried_at: Option<i64>,
}

impl Keys {
    pub(super) fn new(source: KeySource, clock: Clock) -> Self {
        Self { source, clock, http: OnceLock::new(), fetched: Mutex::default() }
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
        let mut fetched = self.fetched.lock().await;
        let now = self.clock.now_seconds();
        let known = fetched.set.as_deref().and_then(|set| pick(set, kid)).and_then(verification_key);
        let is_fresh = fetched.set.is_some() && now - fetched.at < FRESH_SECONDS;
        let may_fetch = fetched.tried_at.is_none_or(|tried| now - tried >= REFETCH_SECONDS);
        if (known.is_some() && is_fresh) || !may_fetch {
            return known;
        }
        fetched.tried_at = Some(now);
        match self.fetch(url).await {
            Ok(set) => {
                fetched.set = Some(Arc::new(set));
                fetched.at = now;
            }
            // The old keys serve on: an issuer that is away must not sign everybody out.
            Err(detail) => tracing::warn!(url, detail, "an issuer's keys could not be fetched"),
        }
        fetched.set.as_deref().and_then(|set| pick(set, kid)).and_then(verification_key)
    }

    async fn fetch(&self, url: &str) -> Result<JwkSet, String> {
        let client = self.http.get_or_init(http_client::build);
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
    let declared = jwk.common.key_algorithm.and_then(|algorithm| algorithm.to_string().parse().ok());
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => match declared {
            None => Algorithm::RS256,
            Some(a @ (Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512)) => a,
            Some(a @ (Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512)) => a,
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
