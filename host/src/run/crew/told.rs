//! An error of another process: its texts, in the order in which they are shown.

use std::error::Error;

use serde::{Deserialize, Serialize};

use super::CrewError;

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

/// An error as it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{text}")]
pub(crate) struct Told {
    text: String,
    #[source]
    cause: Option<Box<Self>>,
    hint: String,
    class: Class,
}

impl Told {
    /// Tells an error and what lies behind it.
    pub(super) fn of(error: &CrewError) -> Self {
        Self::chain(error, &error.hint(), error.class())
    }

    fn chain(error: &dyn Error, hint: &str, class: Class) -> Self {
        let cause = error.source().map(|cause| Box::new(Self::chain(cause, hint, class)));
        Self { text: error.to_string(), cause, hint: hint.to_owned(), class }
    }
}

impl CrewError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Plugin(error) => error.hint(),
            Self::NotReady(error) => error.hint().to_owned(),
            Self::Told(told) => told.hint.clone(),
            Self::Hangs { .. } | Self::Died { .. } => {
                "report it to the plugin's vendor; `--log-level debug` shows what the plugin says".to_owned()
            }
            Self::Worker(_) | Self::Process { .. } | Self::Thread(_) => {
                "raise the limits on processes, threads and open files (`ulimit -u`, `ulimit -n`)".to_owned()
            }
        }
    }

    /// What it says about the end of the run.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Plugin(error) if error.is_usage() => Class::Usage,
            Self::Plugin(_) | Self::Hangs { .. } | Self::Died { .. } => Class::Plugin,
            Self::NotReady(_) => Class::Unreachable,
            Self::Told(told) => told.class,
            Self::Worker(_) | Self::Process { .. } | Self::Thread(_) => Class::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::plugin::chain;

    #[test]
    fn an_error_that_crossed_says_the_same() {
        let source = io::Error::other("too many");
        let error = CrewError::Process { name: "x".to_owned(), source };
        let bytes = rmp_serde::to_vec_named(&Told::of(&error)).unwrap();
        let told = CrewError::from(rmp_serde::from_slice::<Told>(&bytes).unwrap());
        assert_eq!(chain(&told), chain(&error));
        assert_eq!((told.hint(), told.class()), (error.hint(), error.class()));
    }
}
