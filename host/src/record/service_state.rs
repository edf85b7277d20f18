//! How a service ended, by the word that a journal has for it.

use serde::{Deserialize, Serialize};

use super::stored_word::stored_words;

/// How a service ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum ServiceState {
    /// It was ended, and had no error.
    Stopped,
    /// It had an error, or was lost.
    Failed,
    /// The user did not wait for its end.
    Abandoned,
    /// A state of a newer version.
    Other(String),
}

stored_words! {
    ServiceState {
        Stopped => "stopped",
        Failed => "failed",
        Abandoned => "abandoned",
    }
}
