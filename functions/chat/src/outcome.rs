//! How the writing of a reply came to an end, for its row and for those who follow it.

use domain::message::{Ending, Status, Usage};
use providers::{FinishReason, ProviderError, ProviderErrorKind};

use crate::live::{EndCause, Part};

/// Why the writing came to an end.
pub(crate) enum Outcome {
    /// The model said everything.
    Finished(FinishReason),
    /// The user stopped it.
    Stopped,
    /// The provider failed, with a sentence for the user.
    Broke(ProviderErrorKind, String),
    /// Somebody else ended or deleted the reply.
    Lost,
    /// This process is about to end.
    ShutDown,
}

impl From<EndCause> for Outcome {
    fn from(cause: EndCause) -> Self {
        match cause {
            EndCause::Stop => Self::Stopped,
            EndCause::ShutDown => Self::ShutDown,
        }
    }
}

impl Outcome {
    /// A provider's failure, which is logged here.
    pub(crate) fn broke(error: &ProviderError) -> Self {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(%error, cause, kind = error.kind().as_str(), "a provider failed");
        Self::Broke(error.kind(), error.to_string())
    }

    /// The model says more and more, or nothing, for longer than a reply may take.
    pub(crate) fn out_of_time() -> Self {
        tracing::warn!("a reply took too long and is ended");
        Self::Broke(ProviderErrorKind::Timeout, "The reply took too long and was ended.".to_owned())
    }

    /// Whether the provider told all there was to tell, the usage included.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Finished(_))
    }

    /// What is stored and what is said last; nothing is stored of a reply that is somebody else's by now.
    pub(crate) fn record(self, usage: Usage) -> (Option<Ending>, Part) {
        let ending = |status, finish_reason, error_code| Some(Ending { status, finish_reason, error_code, usage });
        match self {
            Self::Finished(reason) => {
                let reason = reason.as_str();
                (ending(Status::Complete, Some(reason), None), Part::Finish { reason, usage })
            }
            Self::Stopped => (ending(Status::Stopped, None, None), Part::Abort),
            Self::Broke(kind, detail) => {
                let (status, code) = breakage(kind);
                (ending(status, None, Some(code)), Part::Error { code: code.into(), detail: detail.into() })
            }
            Self::Lost => (None, lost()),
            Self::ShutDown => {
                let (code, detail) = ("shut_down", "The server was shut down.");
                let last = Part::Error { code: code.into(), detail: detail.into() };
                (ending(Status::Interrupted, None, Some(code)), last)
            }
        }
    }
}

/// The last part of a reply that somebody else ended or deleted.
pub(crate) fn lost() -> Part {
    Part::Error { code: "reply_lost".into(), detail: "The reply was ended or deleted elsewhere.".into() }
}

/// The last part of a reply whose end could not be stored: it may not be taken for whole.
pub(crate) fn not_stored() -> Part {
    Part::Error { code: "not_stored".into(), detail: "The reply could not be stored whole.".into() }
}

/// How a reply that broke off is recorded: a refusal has failed, a lost connection interrupted it.
fn breakage(kind: ProviderErrorKind) -> (Status, &'static str) {
    match kind {
        ProviderErrorKind::Unauthorized => (Status::Failed, "provider_unauthorized"),
        ProviderErrorKind::RateLimited => (Status::Failed, "provider_rate_limited"),
        ProviderErrorKind::Overloaded => (Status::Failed, "provider_overloaded"),
        ProviderErrorKind::InvalidRequest => (Status::Failed, "provider_refused"),
        ProviderErrorKind::Unavailable => (Status::Failed, "provider_unavailable"),
        ProviderErrorKind::Malformed => (Status::Failed, "provider_malformed"),
        ProviderErrorKind::Timeout => (Status::Interrupted, "provider_timeout"),
        ProviderErrorKind::Interrupted => (Status::Interrupted, "provider_interrupted"),
    }
}
