//! What stops the program, told as a sentence for the person at the terminal.

use std::fmt;

/// A result whose error is a sentence to show.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// A sentence that says what went wrong and what to do about it. It carries no secret.
#[derive(Debug, Clone)]
pub struct Failure(String);

impl Failure {
    /// A failure told by this sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<base::config::ConfigError> for Failure {
    fn from(error: base::config::ConfigError) -> Self {
        Self::new(format!("The setting {error}."))
    }
}
