//! Errors: what a plugin returns, and what a record, a message or a report shows.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What went wrong, as a number that can grow: an unknown value stays valid and reads as `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorKind(pub u32);

impl ErrorKind {
    /// The plugin's options are wrong: the user's configuration must change.
    pub const CONFIG: Self = Self(1);
    /// The server's answer is not what this API format expects.
    pub const MALFORMED: Self = Self(2);
    /// The plugin cannot do what the turn asks for, such as an image in a text-only API format.
    pub const UNSUPPORTED: Self = Self(3);
    /// An operation of the plugin's own failed: a file, a socket, a child process.
    pub const IO: Self = Self(4);
    /// The plugin panicked. Made by the boundary, never by an author.
    pub const PANIC: Self = Self(100);

    /// The name that reports group by.
    pub fn name(self) -> &'static str {
        match self {
            Self::CONFIG => "config",
            Self::MALFORMED => "malformed",
            Self::UNSUPPORTED => "unsupported",
            Self::IO => "io",
            Self::PANIC => "panic",
            _ => "other",
        }
    }
}

/// Longest message, and longest hint, that the host takes over from a plugin's error, in bytes. The rest is cut off.
pub const LONGEST_ERROR: usize = 16 << 10;

/// An error of a plugin.
///
/// The message fits after "failed to …": lower case, names the value and the place, no full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// What happened, with the offending value.
    pub message: String,
    /// What the user can do about it; empty when there is nothing to say.
    pub hint: String,
}

impl PluginError {
    /// Builds an error without a hint.
    pub fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), hint: String::new() }
    }

    /// The options passed to `new` are wrong.
    pub fn config(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::CONFIG, message)
    }

    /// The server's answer cannot be understood.
    pub fn malformed(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::MALFORMED, message)
    }

    /// The turn asks for something that this plugin does not do.
    pub fn unsupported(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::UNSUPPORTED, message)
    }

    /// An operation of the plugin's own failed.
    pub fn io(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::IO, message)
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = hint.to_string();
        self
    }
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for PluginError {}

/// What every author method returns.
pub type Result<T, E = PluginError> = std::result::Result<T, E>;

/// One failure, as it stands in records, messages and reports.
///
/// Reports group by `type` and the message with its variable parts (numbers, ids) removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorDetails {
    /// HTTP status, or another number that the failing side gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// The class of failure, such as `http_status`, `timeout` or `stream_cut`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, for a person.
    pub message: String,
    /// The causes below it, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cause_chain: Vec<String>,
    /// What to do next; empty when there is nothing to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
}
