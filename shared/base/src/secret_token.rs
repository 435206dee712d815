//! A secret that stands in an address: whoever has it may read what it names, so it cannot be guessed, and only its
//! hash is kept.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// How many random bytes a token has.
const TOKEN_BYTES: usize = 32;

/// 32 random bytes, as 43 characters that can stand in an address. It has no `Debug`, so that no log has it.
pub struct SecretToken(String);

impl SecretToken {
    /// A new one. Fails only where the system gives no random bytes.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The token in an address, if it can be one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Self(text.to_owned()))
    }

    /// What is kept of it, 32 bytes. A plain hash will do: nobody can try 2^256 tokens.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }

    /// The token, for the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_fresh_and_come_back() {
        let (one, other) = (SecretToken::generate().expect("randomness"), SecretToken::generate().expect("randomness"));
        assert_eq!(one.as_str().len(), 43);
        assert_ne!(one.hash(), other.hash());
        assert_eq!(SecretToken::parse(one.as_str()).expect("a token").hash(), one.hash());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "a", &"a".repeat(42), &"a".repeat(44), &"!".repeat(43), &"ä".repeat(43)] {
            assert!(SecretToken::parse(text).is_none(), "{text}");
        }
    }
}
