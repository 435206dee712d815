//! What can go wrong with a provider. The message is safe to show; the source is for the log, and
//! neither ever contains a key or a vendor's answer as it came.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::sse::SseError;

/// A failed call to a provider.
pub struct ProviderError(Box<Inner>);

struct Inner {
    kind: ProviderErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    retry_after: Option<Duration>,
    status: Option<u16>,
    retryable: bool,
}

/// The kinds of failure that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderErrorKind {
    /// The key is missing, wrong, or may not use the model.
    Unauthorized,
    /// Too many requests, or the quota is used up.
    RateLimited,
    /// The vendor has no capacity now.
    Overloaded,
    /// The vendor understood the request and refused it.
    InvalidRequest,
    /// The vendor cannot be reached or fails.
    Unavailable,
    /// The vendor was silent for too long.
    Timeout,
    /// The reply broke off after it began, or ended without its terminator.
    Interrupted,
    /// The answer makes no sense.
    Malformed,
}

impl ProviderErrorKind {
    /// A stable name for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::InvalidRequest => "invalid_request",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
            Self::Malformed => "malformed",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Unauthorized => "The model provider did not accept the key, or it may not use this model.",
            Self::RateLimited => "The model provider allows no more requests for now.",
            Self::Overloaded => "The model provider is overloaded.",
            Self::InvalidRequest => "The model provider refused the request.",
            Self::Unavailable => "The model provider cannot be reached or fails.",
            Self::Timeout => "The model provider did not answer in time.",
            Self::Interrupted => "The model provider's reply broke off.",
            Self::Malformed => "The model provider's reply cannot be understood.",
        }
    }

    /// Whether the same call may well succeed a moment later.
    fn is_transient(self) -> bool {
        matches!(self, Self::RateLimited | Self::Overloaded | Self::Unavailable | Self::Interrupted)
    }
}

impl ProviderError {
    /// An error with its kind's sentence as the message, retryable when the kind is transient.
    pub(crate) fn new(kind: ProviderErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            message: kind.message().to_owned(),
            source: None,
            retry_after: None,
            status: None,
            retryable: kind.is_transient(),
        }))
    }

    /// Adds the private cause, which must be free of keys and texts.
    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds what the vendor says is wrong; it must be scrubbed and bounded.
    pub(crate) fn with_vendor_message(mut self, message: &str) -> Self {
        if !message.is_empty() {
            self.0.message = format!("{} It says: {message}", self.0.kind.message());
        }
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    pub(crate) fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// The same failure as another kind, and final.
    pub(crate) fn into_kind(mut self, kind: ProviderErrorKind) -> Self {
        if self.0.kind != kind {
            kind.message().clone_into(&mut self.0.message);
            self.0.kind = kind;
        }
        self.with_retryable(false)
    }

    /// A failure of the connection, before or in the middle of an answer.
    pub(crate) fn from_transport(error: reqwest::Error) -> Self {
        let kind = if error.is_builder() {
            // The configured address or key cannot be sent; another try changes nothing.
            return Self::new(ProviderErrorKind::Unavailable).with_retryable(false).with_source(error.without_url());
        } else if error.is_timeout() && !error.is_connect() {
            ProviderErrorKind::Timeout
        } else {
            ProviderErrorKind::Unavailable
        };
        Self::new(kind).with_source(error.without_url())
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ProviderErrorKind {
        self.0.kind
    }

    /// A sentence for the client.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// How long the vendor asks to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The vendor's HTTP status, when it answered with an error status.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    pub(crate) fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

impl From<SseError> for ProviderError {
    fn from(error: SseError) -> Self {
        Self::new(ProviderErrorKind::Malformed).with_source(error)
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("status", &self.0.status)
            .field("retry_after", &self.0.retry_after)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl StdError for ProviderError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
