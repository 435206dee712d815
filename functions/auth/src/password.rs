//! Passwords: what is taken, and how it is kept.
//!
//! Argon2id with the parameters that OWASP gives first: 19 MiB, 2 passes, 1 lane. A hash takes tens of
//! milliseconds and its memory, so only as many run at once as there are processors.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base::{Error, Result};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// The shortest new password, in bytes.
const BYTES_MIN: usize = 8;
/// The longest password, in bytes.
const BYTES_MAX: usize = 256;
/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19_456;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Parallel lanes.
const LANES: u32 = 1;
/// The length of a hash, in bytes.
const HASH_BYTES: usize = 32;
/// How long a request waits for its turn to hash.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// Salts the work that is done for accounts that do not exist. It protects nothing.
const DUMMY_SALT: &[u8] = b"no such account.";

/// A password for a new account.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(try_from = "SecretString")]
#[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
pub(crate) struct NewPassword(SecretString);

impl NewPassword {
    pub(crate) fn into_secret(self) -> SecretString {
        self.0
    }
}

impl TryFrom<SecretString> for NewPassword {
    type Error = &'static str;

    fn try_from(password: SecretString) -> Result<Self, Self::Error> {
        match password.expose_secret().len() {
            BYTES_MIN..=BYTES_MAX => Ok(Self(password)),
            _ => Err("a password has 8 to 256 bytes"),
        }
    }
}

/// What became of checking a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, and here is a hash with today's parameters to replace the kept one.
    RightAndOutdated {
        new_hash: String,
    },
}

/// Hashes and checks passwords, a bounded number at once. Clones share the bound.
#[derive(Debug, Clone)]
pub(crate) struct Hasher {
    turns: Arc<Semaphore>,
    /// The memory of turns that are over, for those to come: allocated anew each time, on one thread after
    /// another, it would stay with the allocator many times over.
    memories: Arc<Mutex<Vec<Memory>>>,
}

type Memory = Vec<Block>;

impl Hasher {
    pub(crate) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { turns: Arc::new(Semaphore::new(processors)), memories: Arc::default() }
    }

    /// The hash to keep, as a PHC string with its parameters and a fresh salt.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String> {
        self.run(move |memory| hash(&password, memory)).await
    }

    /// Checks a password against the kept hash.
    pub(crate) async fn verify(&self, password: SecretString, kept: String) -> Result<Verdict> {
        self.run(move |memory| verify(&password, &kept, memory)).await
    }

    /// Takes as long as checking a password, so that the time does not tell which accounts exist.
    pub(crate) async fn pretend(&self, password: SecretString) -> Result<()> {
        self.run(move |memory| digest(&argon2(), &password, DUMMY_SALT, memory).map(drop)).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Memory) -> Result<T> + Send + 'static) -> Result<T> {
        let turn = tokio::time::timeout(TURN_TIMEOUT, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| {
            Error::unavailable("busy", "Too many people are signing in at the moment. Try again soon.")
                .with_retry_after(TURN_TIMEOUT.as_secs())
        })?;
        let turn = turn.map_err(Error::internal)?;
        // The turn ends with the work and not with the request, which may be dropped before it.
        let memories = Arc::clone(&self.memories);
        let done = tokio::task::spawn_blocking(move || {
            let lock = || memories.lock().unwrap_or_else(PoisonError::into_inner);
            let mut memory = lock().pop().unwrap_or_default();
            let result = work(&mut memory);
            lock().push(memory);
            drop(turn);
            result
        });
        done.await.map_err(Error::internal)?
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &SecretString, memory: &mut Memory) -> Result<String> {
    let (argon2, salt) = (argon2(), Salt::generate());
    let hash = digest(&argon2, password, &salt, memory)?;
    let kept = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).map_err(Error::internal)?,
        salt: Some(salt),
        hash: Some(hash),
    };
    Ok(kept.to_string())
}

fn verify(password: &SecretString, kept: &str, memory: &mut Memory) -> Result<Verdict> {
    let kept = PasswordHash::new(kept).map_err(Error::internal)?;
    let (Some(salt), Some(expected)) = (&kept.salt, &kept.hash) else {
        return Err(Error::internal("a kept password has no salt or no hash"));
    };
    // The hash's own parameters are used, whatever today's are.
    let algorithm = Algorithm::try_from(kept.algorithm.as_str()).map_err(Error::internal)?;
    let version = kept.version.map_or(Ok(Version::V0x10), Version::try_from).map_err(Error::internal)?;
    let argon2 = Argon2::new(algorithm, version, Params::try_from(&kept).map_err(Error::internal)?);
    // Outputs compare in constant time.
    if digest(&argon2, password, salt, memory)? != *expected {
        return Ok(Verdict::Wrong);
    }
    if is_current(&kept) {
        Ok(Verdict::Right)
    } else {
        Ok(Verdict::RightAndOutdated { new_hash: hash(password, memory)? })
    }
}

fn digest(argon2: &Argon2<'_>, password: &SecretString, salt: &[u8], memory: &mut Memory) -> Result<Output> {
    let params = argon2.params();
    memory.resize(params.block_count(), Block::default());
    let mut out = [0; Output::MAX_LENGTH];
    let out = &mut out[..params.output_len().unwrap_or(HASH_BYTES)];
    argon2.hash_password_into_with_memory(bytes(password), salt, out, memory).map_err(Error::internal)?;
    Output::new(out).map_err(Error::internal)
}

fn is_current(kept: &PasswordHash) -> bool {
    let params = Params::try_from(kept).is_ok_and(|params| &params == argon2().params());
    params && kept.algorithm == Algorithm::Argon2id.ident() && kept.version == Some(Version::V0x13.into())
}

fn bytes(password: &SecretString) -> &[u8] {
    password.expose_secret().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn checks_passwords() {
        let hasher = Hasher::new();
        let kept = hasher.hash(secret("correct horse")).await.expect("hashes");
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_eq!(hasher.verify(secret("correct horse"), kept.clone()).await.expect("checks"), Verdict::Right);
        assert_eq!(hasher.verify(secret("correct horsf"), kept.clone()).await.expect("checks"), Verdict::Wrong);
        assert_ne!(hasher.hash(secret("correct horse")).await.expect("hashes"), kept, "each has its own salt");
    }

    #[tokio::test]
    async fn renews_hashes_with_other_parameters() {
        use argon2::PasswordHasher;

        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).expect("in range"));
        let kept = weak.hash_password(b"correct horse").expect("hashes").to_string();
        let hasher = Hasher::new();
        let verdict = hasher.verify(secret("correct horse"), kept.clone()).await.expect("checks");
        let Verdict::RightAndOutdated { new_hash } = verdict else { panic!("{verdict:?}") };
        assert_eq!(hasher.verify(secret("correct horse"), new_hash).await.expect("checks"), Verdict::Right);
        assert_eq!(hasher.verify(secret("wrong horse"), kept).await.expect("checks"), Verdict::Wrong);
    }

    fn check(password: &str, expected: bool) {
        assert_eq!(NewPassword::try_from(secret(password)).is_ok(), expected, "{} bytes", password.len());
    }

    #[test]
    fn new_passwords_have_bounds() {
        check("1234567", false);
        check("12345678", true);
        check(&"x".repeat(256), true);
        check(&"x".repeat(257), false);
    }
}
