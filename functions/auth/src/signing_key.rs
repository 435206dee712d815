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

/// What the key of refresh tokens is derived with. Another label would end every session.
const REFRESH_LABEL: &[u8] = b"almanac refresh tokens, version 1";

/// A P-256 key. Access tokens are signed with it (ES256); the key of refresh tokens is derived from it, so
/// that there is one secret to keep.
pub struct SigningKey {
    encoding: EncodingKey,
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
    /// Reads the key from `AUTH_SIGNING_KEY`. Line breaks may be written as `\n`, as some secret stores do.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let pem = env.require("AUTH_SIGNING_KEY")?.replace("\\n", "\n");
        Self::from_pem(&pem)
            .map_err(|error| ConfigError { name: "AUTH_SIGNING_KEY".to_owned(), detail: error.to_string() })
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
        Ok(Self { encoding, public, refresh: mac(&derived) })
    }

    /// Makes a new key, as the text that [`Self::from_pem`] reads.
    pub fn generate_pem() -> SecretString {
        let pem = SecretKey::random(&mut OsRng).to_pkcs8_pem(LineEnding::LF).expect("a fresh key can be written");
        SecretString::from(pem.as_str())
    }

    /// The public key, for anybody who verifies tokens. Its id is the RFC 7638 thumbprint.
    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: vec![self.public.clone()] }
    }

    /// A token with these claims, in JWS compact form.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String> {
        let header = Header { kid: self.public.common.key_id.clone(), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(Error::internal)
    }

    /// The keyed hash that refresh tokens carry.
    pub(crate) fn refresh_mac(&self) -> Hmac<Sha256> {
        self.refresh.clone()
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.public.common.key_id).finish_non_exhaustive()
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
    fn says_what_it_wants() {
        let error = SigningKey::from_env(&Env::from_pairs([("AUTH_SIGNING_KEY", "secret")])).expect_err("no key");
        let text = error.to_string();
        assert!(text.starts_with("AUTH_SIGNING_KEY: is not a P-256 private key"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
