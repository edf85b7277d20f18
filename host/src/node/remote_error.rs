//! An error as it arrives from another process: its texts, in the order in which they are shown, and what it says about the end of the run.

use std::error::Error;

use serde::{Deserialize, Serialize};

use crate::explain::Explain;

/// What an error says about the end of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Class {
    /// The configuration is wrong.
    Usage,
    /// A plugin is at fault.
    Plugin,
    /// The target does not answer.
    Unreachable,
    /// Anything else.
    Failed,
}

/// An error of another process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{text}")]
pub(crate) struct RemoteError {
    text: String,
    #[source]
    cause: Option<Box<Self>>,
    hint: String,
    class: Class,
}

impl RemoteError {
    /// Writes down an error and its causes.
    pub(super) fn of(error: &dyn Error, hint: &str, class: Class) -> Self {
        let cause = error.source().map(|cause| Box::new(Self::of(cause, hint, class)));
        Self { text: error.to_string(), cause, hint: hint.to_owned(), class }
    }

    /// What it says about the end of the run.
    pub(super) fn class(&self) -> Class {
        self.class
    }
}

impl Explain for RemoteError {
    fn hint(&self) -> String {
        self.hint.clone()
    }
}
