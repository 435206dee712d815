//! State that lives for seconds or minutes: what limits count, secrets that are used once, and lists that one process
//! writes and another reads on.
//!
//! On one machine it is this process's memory, on AWS a DynamoDB table (`STORE_TABLE`), behind one API with one
//! meaning. Nothing in here is the only copy of something that a user was told is kept: all of it may be lost.
//! Things end at their time, whatever the table still holds, and no name that could tell a person leaves the process.

mod dynamodb;
mod memory;
mod pace;

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use self::dynamodb::DynamoDbStore;
use self::memory::MemoryStore;
use crate::config::{ConfigError, Env};
use crate::http_client::HttpClient;
use crate::{Clock, Error};

pub use self::pace::{Admission, Pace};

/// The longest value, in bytes. A DynamoDB item holds 400 KB with all its attributes.
pub const VALUE_BYTES_MAX: usize = 256 * 1024;

/// The short-lived store. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    clock: Clock,
    place: Place,
}

/// Where it is.
#[derive(Debug, Clone)]
enum Place {
    Memory(MemoryStore),
    DynamoDb(DynamoDbStore),
}

/// What something is kept under. Two spaces have nothing in common, and each holds one kind of thing.
///
/// The name is hashed (SHA-256), so that an e-mail address or a network address never leaves this process as it is.
/// Who can read the table can still try names out, so it is as private as a log of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    space: &'static str,
    digest: [u8; 32],
}

/// Why the store did not do what it was asked to.
#[derive(Debug)]
pub enum StoreError {
    /// It does not answer, or is full. Whether the thing was done is not known.
    Away(Box<dyn std::error::Error + Send + Sync>),
    /// The number in the list has another value already, so another process writes the same list.
    Taken,
    /// The value is longer than [`VALUE_BYTES_MAX`].
    TooLarge,
}

impl Store {
    /// DynamoDB, when `STORE_TABLE` names a table; [`crate::aws::Account::from_env`] says what else is then read.
    /// This process's memory otherwise. Nothing is connected yet.
    pub fn from_env(env: &Env, clock: Clock, http: &HttpClient) -> Result<Self, ConfigError> {
        let place = match env.get("STORE_TABLE") {
            Some(table) => Place::DynamoDb(DynamoDbStore::new(table, env, http)?),
            None => Place::Memory(MemoryStore::default()),
        };
        Ok(Self { clock, place })
    }

    /// This process's memory.
    pub fn memory(clock: Clock) -> Self {
        Self { clock, place: Place::Memory(MemoryStore::default()) }
    }

    /// Whether other processes see what this one keeps.
    pub fn is_shared(&self) -> bool {
        matches!(self.place, Place::DynamoDb(_))
    }

    /// Counts one more and lets it happen, or refuses it and counts nothing. Concurrent calls, of all processes
    /// together, never get more than the pace allows; when an answer is lost while others ask for the same key, one may
    /// be counted twice.
    ///
    /// # Errors
    ///
    /// [`StoreError::Away`], after a second at most.
    pub async fn admit(&self, key: &Key, pace: Pace) -> Result<Admission, StoreError> {
        let now_us = self.clock.now().as_microsecond();
        match &self.place {
            Place::Memory(memory) => Ok(memory.arrivals.admit(key, pace, now_us)),
            Place::DynamoDb(table) => table.admit(key, pace, now_us, &self.clock.new_id().simple().to_string()).await,
        }
    }

    /// The same by what this process knows alone, for when the store is away. What it lets through counts in this
    /// process from then on.
    pub(crate) fn admit_here(&self, key: &Key, pace: Pace) -> Admission {
        let now_us = self.clock.now().as_microsecond();
        match &self.place {
            Place::Memory(memory) => memory.arrivals.admit(key, pace, now_us),
            Place::DynamoDb(table) => table.admit_here(key, pace, now_us),
        }
    }

    /// Asks whether it answers and can be written to.
    ///
    /// # Errors
    ///
    /// [`StoreError::Away`], after a second at most.
    pub async fn check(&self) -> Result<(), StoreError> {
        let pace = Pace { step: Duration::from_micros(1), burst: 1_000_000 };
        self.admit(&Key::new("health", "check"), pace).await.map(drop)
    }

    /// Keeps a value for so long, rounded up to whole seconds, in place of what was there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Away`] and [`StoreError::TooLarge`].
    pub async fn put(&self, key: &Key, value: &[u8], kept: Duration) -> Result<(), StoreError> {
        check_size(value)?;
        let (now, ends) = self.span(kept);
        match &self.place {
            Place::Memory(memory) => memory.put(key, value, ends, now),
            Place::DynamoDb(table) => table.put(key, value, ends).await,
        }
    }

    /// Takes a value out: of all who ask for it, one gets it. Nobody gets it when that one's answer is lost, so
    /// what is kept must be something that can be begun anew.
    ///
    /// # Errors
    ///
    /// [`StoreError::Away`].
    pub async fn take(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let now = self.clock.now_seconds();
        match &self.place {
            Place::Memory(memory) => Ok(memory.take(key, now)),
            Place::DynamoDb(table) => table.take(key, now).await,
        }
    }

    /// Puts a value into a list, at a number of 1 or more, for so long, rounded up to whole seconds. The same value
    /// at the same number once more changes nothing, so that it can be tried again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Taken`] when another value is there; [`StoreError::Away`] and [`StoreError::TooLarge`].
    ///
    /// # Panics
    ///
    /// When the number is 0.
    pub async fn append(&self, list: &Key, number: u32, value: &[u8], kept: Duration) -> Result<(), StoreError> {
        assert!(number > 0, "lists are numbered from 1");
        check_size(value)?;
        let (now, ends) = self.span(kept);
        match &self.place {
            Place::Memory(memory) => memory.append(list, number, value, ends, now),
            Place::DynamoDb(table) => table.append(list, number, value, ends, now).await,
        }
    }

    /// What a list has after a number, in order; after 0 is from its start. Everything that was appended before the
    /// call is seen. It ends before the first number that is missing, so that a later call goes on where this ended
    /// even when several values are being appended at once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Away`].
    pub async fn read_after(&self, list: &Key, number: u32) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
        let now = self.clock.now_seconds();
        match &self.place {
            Place::Memory(memory) => Ok(memory.read_after(list, number, now)),
            Place::DynamoDb(table) => table.read_after(list, number, now).await,
        }
    }

    /// Now, and the end of what is kept for so long, in seconds since 1970.
    fn span(&self, kept: Duration) -> (i64, i64) {
        let now = self.clock.now();
        let kept_us = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
        (now.as_second(), seconds_up(now.as_microsecond().saturating_add(kept_us)))
    }
}

impl Key {
    /// The key of a name in a space. A space is a short, constant word; a name may be anything.
    pub fn new(space: &'static str, name: &str) -> Self {
        Self { space, digest: Sha256::digest(name).into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Away(_) => "the short-lived store does not answer",
            Self::Taken => "another process writes the same list",
            Self::TooLarge => "the value is too large for the short-lived store",
        })
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Away(source) => Some(&**source),
            Self::Taken | Self::TooLarge => None,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Away(source) => {
                Self::unavailable("store_unavailable", "Short-lived state cannot be reached. Try again shortly.")
                    .with_source(source)
                    .with_retry_after(1)
            }
            StoreError::Taken | StoreError::TooLarge => Self::internal(error),
        }
    }
}

fn check_size(value: &[u8]) -> Result<(), StoreError> {
    if value.len() > VALUE_BYTES_MAX { Err(StoreError::TooLarge) } else { Ok(()) }
}

/// Whole seconds, rounded up.
fn seconds_up(us: i64) -> i64 {
    us.div_euclid(1_000_000) + i64::from(us.rem_euclid(1_000_000) > 0)
}
