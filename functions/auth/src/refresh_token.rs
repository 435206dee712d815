//! Refresh tokens: which session, how often it was rotated, and a keyed hash over both.
//!
//! The database keeps the counter only. A token can so be made again when its answer got lost, and one that
//! was rotated away is recognised for what it is instead of being unknown.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::Mac;
use uuid::Uuid;

use crate::SigningKey;

/// The session's id.
const ID_BYTES: usize = 16;
/// The id, and the counter as four bytes, big end first.
const SIGNED_BYTES: usize = ID_BYTES + 4;
/// HMAC-SHA256 over those.
const MAC_BYTES: usize = 32;

/// What a refresh token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) session_id: Uuid,
    /// How many tokens of the session came before. The database counts in `integer`.
    pub(crate) counter: i32,
}

impl RefreshToken {
    /// The token's text: base64url without padding.
    pub(crate) fn sign(self, key: &SigningKey) -> String {
        let mut bytes = self.signed_bytes().to_vec();
        bytes.extend_from_slice(&key.refresh_mac().chain_update(&bytes).finalize().into_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token that this key signed, or the one that is accepted beside it.
    pub(crate) fn verify(text: &str, key: &SigningKey) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        if bytes.len() != SIGNED_BYTES + MAC_BYTES {
            return None;
        }
        let (signed, mac) = bytes.split_at(SIGNED_BYTES);
        let is_signed = key.refresh_macs().any(|key| key.chain_update(signed).verify_slice(mac).is_ok());
        if !is_signed {
            return None;
        }
        let (id, counter) = signed.split_at(ID_BYTES);
        Some(Self { session_id: Uuid::from_slice(id).ok()?, counter: i32::from_be_bytes(counter.try_into().ok()?) })
    }

    fn signed_bytes(self) -> [u8; SIGNED_BYTES] {
        let mut bytes = [0; SIGNED_BYTES];
        bytes[..ID_BYTES].copy_from_slice(self.session_id.as_bytes());
        bytes[ID_BYTES..].copy_from_slice(&self.counter.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_pem(SigningKey::generate_pem().expose_secret()).expect("a fresh key reads")
    }

    #[test]
    fn only_its_own_key_verifies_it() {
        let (key, token) = (key(), RefreshToken { session_id: Uuid::from_u128(7), counter: 300 });
        let text = token.sign(&key);
        assert_eq!(RefreshToken::verify(&text, &key), Some(token));
        assert_eq!(RefreshToken::verify(&text, &self::key()), None);
        assert_eq!(text, token.sign(&key), "it can be made again");
    }

    #[test]
    fn no_byte_can_be_changed() {
        let key = key();
        let text = RefreshToken { session_id: Uuid::from_u128(7), counter: 0 }.sign(&key);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&text).expect("base64url");
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(RefreshToken::verify(&changed, &key), None, "byte {place}");
        }
        for wrong in ["", "a", &text[1..], &format!("{text}AA"), "ä"] {
            assert_eq!(RefreshToken::verify(wrong, &key), None, "{wrong:?}");
        }
    }
}
