//! What a failure is called: the [`FailureKind`].

use std::fmt;

use prony_plugin_api::ErrorDetails;
use serde::{Deserialize, Serialize};

/// The kinds of failures that prony itself finds. Everywhere else they are texts: in records, reports and messages, and in
/// what the contract gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum FailureKind {
    /// Nobody took the connection.
    Connect,
    /// A proxy did not let the request through.
    Proxy,
    /// A server that had accepted the request is not there any more.
    ServerGone,
    /// There was no whole response in time.
    Timeout,
    /// There was no byte of a response in time.
    FirstByteTimeout,
    /// Nothing came for too long in the middle of a response.
    IdleTimeout,
    /// The connection died before the head of a response was whole.
    ConnectionReset,
    /// The response ended before its end.
    StreamCut,
    /// The status is that of an error.
    HttpStatus,
    /// The response is not in the API format.
    Malformed,
    /// The response is whole, and has nothing in it.
    EmptyAnswer,
    /// What came is no HTTP.
    Transport,
    /// The response says that it failed.
    ServerError,
    /// A job is followed up on another server.
    FollowUp,
    /// Certificates cannot be used.
    Tls,
    /// A request cannot be written.
    Format,
    /// A plugin went beyond a limit.
    PluginLimit,
    /// A plugin panicked too often.
    PluginPoisoned,
    /// A response is too large to be handed from a process to another.
    TooLarge,
    /// Prony did not wait for the end of the response.
    Cancelled,
    /// Prony closed the connection on purpose, as users do who leave.
    RequestCancelled,
    /// The server found the conversation too long for its model.
    ContextOverflow,
    /// One of a plugin, or of another version.
    Other(String),
}

/// All but the open one.
const KNOWN: [FailureKind; 22] = [
    FailureKind::Connect,
    FailureKind::Proxy,
    FailureKind::ServerGone,
    FailureKind::Timeout,
    FailureKind::FirstByteTimeout,
    FailureKind::IdleTimeout,
    FailureKind::ConnectionReset,
    FailureKind::StreamCut,
    FailureKind::HttpStatus,
    FailureKind::Malformed,
    FailureKind::EmptyAnswer,
    FailureKind::Transport,
    FailureKind::ServerError,
    FailureKind::FollowUp,
    FailureKind::Tls,
    FailureKind::Format,
    FailureKind::PluginLimit,
    FailureKind::PluginPoisoned,
    FailureKind::TooLarge,
    FailureKind::Cancelled,
    FailureKind::RequestCancelled,
    FailureKind::ContextOverflow,
];

impl FailureKind {
    /// That of an error in the contract's shape.
    pub(crate) fn of(error: &ErrorDetails) -> Self {
        error.kind.as_str().into()
    }

    /// As reports call it.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::ServerGone => "server_gone",
            Self::Timeout => "timeout",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::ConnectionReset => "connection_reset",
            Self::StreamCut => "stream_cut",
            Self::HttpStatus => "http_status",
            Self::Malformed => "malformed",
            Self::EmptyAnswer => "empty_answer",
            Self::Transport => "transport",
            Self::ServerError => "server_error",
            Self::FollowUp => "follow_up",
            Self::Tls => "tls",
            Self::Format => "format",
            Self::PluginLimit => "plugin_limit",
            Self::PluginPoisoned => "plugin_poisoned",
            Self::TooLarge => "too_large",
            Self::Cancelled => "cancelled",
            Self::RequestCancelled => "request_cancelled",
            Self::ContextOverflow => "context_overflow",
            Self::Other(text) => text,
        }
    }

    /// Whether no server was reached.
    pub(crate) fn is_nobody_there(&self) -> bool {
        matches!(self, Self::Connect | Self::Proxy)
    }

    /// Whether prony waited for as long as it was told to.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout | Self::FirstByteTimeout | Self::IdleTimeout)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl From<&str> for FailureKind {
    fn from(text: &str) -> Self {
        let known = KNOWN.iter().find(|kind| kind.text() == text);
        known.cloned().unwrap_or_else(|| Self::Other(text.to_owned()))
    }
}

impl From<String> for FailureKind {
    fn from(text: String) -> Self {
        match Self::from(text.as_str()) {
            Self::Other(_) => Self::Other(text),
            known => known,
        }
    }
}

impl From<FailureKind> for String {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Other(text) => text,
            known => known.text().to_owned(),
        }
    }
}

impl Default for FailureKind {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_text_of_its_own_and_is_found_by_it() {
        for kind in KNOWN {
            assert_eq!(FailureKind::from(kind.text()), kind);
            assert_eq!(serde_json::to_value(&kind).unwrap(), kind.text());
        }
    }

    #[test]
    fn a_kind_that_nobody_knows_stays_the_text_that_it_is() {
        let kind: FailureKind = serde_json::from_str("\"quota\"").unwrap();
        assert_eq!(
            (&kind, String::from(kind.clone())),
            (&FailureKind::Other("quota".into()), "quota".into())
        );
    }
}
