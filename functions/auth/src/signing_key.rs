//! The key that signs access tokens, and what is derived from it.

use base::config::{ConfigError, Env};
use base::{Error, Result};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::SecretKey;
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use secrecy::SecretString;
use serde::Serialize;
use sha2::Sha256;

/// The setting with the key that signs.
const SIGNING_SETTING: &str = "AUTH_SIGNING_KEY";
/// The setting with the key that is accepted beside it.
const ACCEPTED_SETTING: &str = "AUTH_ACCEPTED_KEY";
/// What the key of refresh tokens is derived with. Another label would end every session.
const REFRESH_LABEL: &[u8] = b"almanac refresh tokens, version 1";

/// A P-256 key. Access tokens are signed with it (ES256); the key of refresh tokens is derived from it, so
/// that there is one secret to keep.
///
/// Beside it another key may be accepted, whose tokens hold and which signs none. So a key can be replaced without
/// ending a session: the next one is accepted everywhere before it signs, and the last one as long as its refresh
/// tokens live.
pub struct SigningKey {
    encoding: EncodingKey,
    own: Verifier,
    accepted: Option<Verifier>,
}

/// What is needed to take a key's tokens.
struct Verifier {
    public: Jwk,
    refresh: Hmac<Sha256>,
}

/// The text is no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidKey;

impl std::fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "is not a P-256 private key in PEM (PKCS #8), as `openssl genpkey -algorithm EC \
            -pkeyopt ec_paramgen_curve:P-256` makes one",
        )
    }
}

impl std::error::Error for InvalidKey {}

impl SigningKey {
    /// Reads the key from `AUTH_SIGNING_KEY`, and the one to accept beside it from `AUTH_ACCEPTED_KEY`, if there is
    /// one. Line breaks may be written as `\n`, as some secret stores do.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        env.require(SIGNING_SETTING)?;
        let key = read(env, SIGNING_SETTING)?.expect("a setting that was required is there");
        key.accepting_from_env(env)
    }

    /// The same key, with the one of `AUTH_ACCEPTED_KEY` accepted beside it, if there is one.
    pub fn accepting_from_env(self, env: &Env) -> Result<Self, ConfigError> {
        let accepted = read(env, ACCEPTED_SETTING)?.map(|key| key.own);
        // The same key in both settings is one key.
        let accepted = accepted.filter(|key| key.public != self.own.public);
        Ok(Self { accepted, ..self })
    }

    /// Reads a P-256 private key in PEM (PKCS #8).
    pub fn from_pem(pem: &str) -> Result<Self, InvalidKey> {
        let secret = SecretKey::from_pkcs8_pem(pem).map_err(|_| InvalidKey)?;
        let encoding = EncodingKey::from_ec_pem(pem.as_bytes()).map_err(|_| InvalidKey)?;
        let mut public = Jwk::from_encoding_key(&encoding, Algorithm::ES256).map_err(|_| InvalidKey)?;
        public.common.key_id = Some(public.thumbprint(ThumbprintHash::SHA256).map_err(|_| InvalidKey)?);
        public.common.key_algorithm = Some(KeyAlgorithm::ES256);
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let derived = mac(&secret.to_bytes()).chain_update(REFRESH_LABEL).finalize().into_bytes();
        Ok(Self { encoding, own: Verifier { public, refresh: mac(&derived) }, accepted: None })
    }

    /// Makes a new key, as the text that [`Self::from_pem`] reads.
    pub fn generate_pem() -> SecretString {
        let pem = SecretKey::random(&mut OsRng).to_pkcs8_pem(LineEnding::LF).expect("a fresh key can be written");
        SecretString::from(pem.as_str())
    }

    /// The public keys, for anybody who verifies tokens: its own first. Their ids are RFC 7638 thumbprints.
    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: self.verifiers().map(|key| key.public.clone()).collect() }
    }

    /// A token with these claims, in JWS compact form.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String> {
        let header = Header { kid: self.own.public.common.key_id.clone(), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(Error::internal)
    }

    /// The keyed hash that new refresh tokens carry.
    pub(crate) fn refresh_mac(&self) -> Hmac<Sha256> {
        self.own.refresh.clone()
    }

    /// The keyed hashes that a refresh token may carry.
    pub(crate) fn refresh_macs(&self) -> impl Iterator<Item = Hmac<Sha256>> {
        self.verifiers().map(|key| key.refresh.clone())
    }

    fn verifiers(&self) -> impl Iterator<Item = &Verifier> {
        std::iter::once(&self.own).chain(&self.accepted)
    }
}

/// The key in a setting, if there is one.
fn read(env: &Env, setting: &str) -> Result<Option<SigningKey>, ConfigError> {
    let key = env.get(setting).map(|pem| SigningKey::from_pem(&pem.replace("\\n", "\n")));
    key.transpose().map_err(|error| ConfigError::new(setting, error.to_string()))
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.own.public.common.key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn writes_what_it_reads() {
        let pem = SigningKey::generate_pem();
        let (one, two) = (SigningKey::from_pem(pem.expose_secret()), SigningKey::from_pem(pem.expose_secret()));
        assert_eq!(one.expect("reads").jwks(), two.expect("reads").jwks());
        let other = SigningKey::generate_pem();
        assert_ne!(pem.expose_secret(), other.expose_secret());
    }

    #[test]
    fn takes_a_key_on_one_line() {
        let pem = SigningKey::generate_pem().expose_secret().replace('\n', "\\n");
        let env = Env::from_pairs([("AUTH_SIGNING_KEY", pem)]);
        assert!(SigningKey::from_env(&env).is_ok());
    }

    #[test]
    fn publishes_the_accepted_key_behind_its_own() {
        let (own, other) = (SigningKey::generate_pem(), SigningKey::generate_pem());
        let read = |accepted: &SecretString| {
            let settings = [("AUTH_SIGNING_KEY", own.expose_secret()), ("AUTH_ACCEPTED_KEY", accepted.expose_secret())];
            SigningKey::from_env(&Env::from_pairs(settings)).expect("both read")
        };
        let alone =
            |pem: &SecretString| SigningKey::from_pem(pem.expose_secret()).expect("reads").jwks().keys.remove(0);
        assert_eq!(read(&other).jwks().keys, [alone(&own), alone(&other)]);
        assert_eq!(read(&own).jwks().keys, [alone(&own)], "one key in both settings is one");
    }

    #[test]
    fn says_what_it_wants() {
        let error = SigningKey::from_env(&Env::from_pairs([("AUTH_SIGNING_KEY", "secret")])).expect_err("no key");
        let text = error.to_string();
        assert!(text.starts_with("AUTH_SIGNING_KEY: is not a P-256 private key"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
