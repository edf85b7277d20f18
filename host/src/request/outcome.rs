//! How a request ended: the [`Outcome`].

use prony_plugin_api::ErrorDetails;
use serde::{Deserialize, Serialize};

use super::{failure_kind::FailureKind, overflow};

/// How a request ended. Nothing else says what a success is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The response is whole.
    #[default]
    Ok,
    Failed(RequestFailure),
    /// Prony did not wait for its end: the grace period was over, the run is to end, or it was to be cancelled. With what is
    /// said of it.
    Cancelled(RequestFailure),
}

/// Why a request failed: the contract's [`ErrorDetails`] with a kind that can be told from others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RequestFailure {
    /// HTTP status, or another number that the failing side gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u32>,
    #[serde(rename = "type")]
    pub(crate) kind: FailureKind,
    /// What happened, for a person.
    pub(crate) message: String,
    /// The causes below it, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cause_chain: Vec<String>,
    /// What to do next; empty when there is nothing to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) hint: String,
}

impl Outcome {
    /// That of a request that ended by itself, with an error or without.
    pub(crate) fn of(error: Option<ErrorDetails>) -> Self {
        error.map_or(Self::Ok, |error| Self::Failed(error.into()))
    }

    /// That of a request that prony ends.
    pub(crate) fn cancelled() -> Self {
        Self::Cancelled(RequestFailure {
            kind: FailureKind::Cancelled,
            message: "cancelled by prony, which did not wait for the end of the response".into(),
            ..RequestFailure::default()
        })
    }

    /// Makes a request that failed because it was cancelled on purpose one that is cancelled. A failure that the server had
    /// reported before stays one.
    pub(super) fn leave(&mut self) {
        if let Self::Failed(failure) = self
            && failure.kind == FailureKind::RequestCancelled
        {
            *self = Self::Cancelled(std::mem::take(failure));
        }
    }

    /// Whether prony ended it on purpose, as users end requests.
    pub(crate) fn is_cancelled_on_purpose(&self) -> bool {
        matches!(self, Self::Cancelled(said) if said.kind == FailureKind::RequestCancelled)
    }

    /// Makes a failure by which the server says that the context is too long one that is known as such.
    pub(super) fn note_overflow(&mut self) {
        if let Self::Failed(failure) = self
            && overflow::is_said(&failure.kind, failure.code, &failure.message)
        {
            failure.kind = FailureKind::ContextOverflow;
        }
    }

    /// Whether the server found the context too long, and this is no failure of its own.
    pub(crate) fn is_overflow(&self) -> bool {
        matches!(self, Self::Failed(said) if said.kind == FailureKind::ContextOverflow)
    }

    /// Whether the request succeeded.
    pub(crate) fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }

    /// Whether prony ended it.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// Why it failed, if it did. A context that is too long is no failure.
    pub(crate) fn failure(&self) -> Option<&RequestFailure> {
        match self {
            Self::Failed(failure) => Some(failure).filter(|_| !self.is_overflow()),
            Self::Ok | Self::Cancelled(_) => None,
        }
    }

    /// What is said of a request that did not succeed.
    pub(crate) fn said(&self) -> Option<&RequestFailure> {
        match self {
            Self::Failed(failure) | Self::Cancelled(failure) => Some(failure),
            Self::Ok => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn said_mut(&mut self) -> Option<&mut RequestFailure> {
        match self {
            Self::Failed(failure) | Self::Cancelled(failure) => Some(failure),
            Self::Ok => None,
        }
    }
}

impl From<ErrorDetails> for RequestFailure {
    fn from(error: ErrorDetails) -> Self {
        let ErrorDetails { code, kind, message, cause_chain, hint } = error;
        Self { code, kind: kind.into(), message, cause_chain, hint }
    }
}

impl From<RequestFailure> for ErrorDetails {
    fn from(failure: RequestFailure) -> Self {
        let RequestFailure { code, kind, message, cause_chain, hint } = failure;
        Self { code, kind: kind.into(), message, cause_chain, hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_written_as_the_contract_writes_errors() {
        let error = ErrorDetails {
            code: Some(503),
            kind: "http_status".into(),
            message: "busy".into(),
            cause_chain: vec!["a".into(), "b".into()],
            hint: "wait".into(),
        };
        let failure = RequestFailure::from(error.clone());
        assert_eq!(failure.kind, FailureKind::HttpStatus);
        let written = serde_json::to_string(&failure).unwrap();
        assert_eq!(written, serde_json::to_string(&error).unwrap());
        assert_eq!(serde_json::from_str::<RequestFailure>(&written).unwrap(), failure);
        assert_eq!(ErrorDetails::from(failure), error);
        let bare = [
            serde_json::to_string(&RequestFailure::default()),
            serde_json::to_string(&ErrorDetails::default()),
        ];
        assert_eq!(bare[0].as_ref().unwrap(), bare[1].as_ref().unwrap());
    }

    #[test]
    fn what_is_said_of_a_cancelled_request_is_no_failure() {
        let cancelled = Outcome::cancelled();
        assert!(cancelled.is_cancelled() && !cancelled.is_ok() && cancelled.failure().is_none());
        assert_eq!(cancelled.said().unwrap().kind, FailureKind::Cancelled);
        let failed = Outcome::of(Some(ErrorDetails { kind: "x".into(), ..ErrorDetails::default() }));
        assert_eq!(failed.failure(), failed.said());
        assert_eq!(Outcome::of(None), Outcome::Ok);
    }
}
