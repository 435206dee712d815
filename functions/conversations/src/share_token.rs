//! The secret in a link: whoever has it may read, so it cannot be guessed, and only its hash is kept.

use base::{Error, Result};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use sha2::{Digest, Sha256};

/// How many random bytes a token has.
const TOKEN_BYTES: usize = 32;

/// A token: 32 random bytes in 43 characters that can stand in an address. It has no `Debug`, so that no log has it.
pub(crate) struct ShareToken(String);

impl ShareToken {
    /// A new one.
    pub(crate) fn generate() -> Result<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The token in an address, if it can be one.
    pub(crate) fn parse(text: String) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&text).ok()?;
        (bytes.len() == TOKEN_BYTES).then_some(Self(text))
    }

    /// What is kept of it. A plain hash will do: nobody can try 2^256 tokens.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }

    /// The token, for the link.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_fresh_and_come_back() {
        let (one, other) = (ShareToken::generate().expect("randomness"), ShareToken::generate().expect("randomness"));
        assert_eq!(one.as_str().len(), 43);
        assert_ne!(one.hash(), other.hash());
        let parsed = ShareToken::parse(one.as_str().to_owned()).expect("a token");
        assert_eq!(parsed.hash(), one.hash());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "a", &"a".repeat(42), &"a".repeat(44), &"!".repeat(43), &"ä".repeat(43)] {
            assert!(ShareToken::parse(text.to_owned()).is_none(), "{text}");
        }
    }
}
