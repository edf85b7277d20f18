//! What the errors of a run say besides their texts.

use prony_plugin_api::ErrorDetails;

use super::{conductor::RunError, execute::ExecuteError};
use crate::{
    explain::Explain,
    record::{journal::JournalError, recorder::RecorderError},
};

impl Explain for ExecuteError {
    fn hint(&self) -> String {
        match self {
            Self::Step(failure) => failure.hint.clone(),
            Self::Target(ErrorDetails { hint, .. }) | Self::Unformatted(ErrorDetails { hint, .. }) => {
                hint.clone()
            }
            wrapped => wrapped.explained().map(Explain::hint).unwrap_or_default(),
        }
    }

    fn is_statement(&self) -> bool {
        match self {
            Self::Interrupted(_) | Self::Late { .. } | Self::Step(_) => true,
            wrapped => wrapped.explained().is_some_and(Explain::is_statement),
        }
    }
}

impl ExecuteError {
    /// The error of a stage that it wraps.
    fn explained(&self) -> Option<&dyn Explain> {
        match self {
            Self::Plugin(error) => Some(error),
            Self::Choice(error) => Some(error),
            Self::Tokenizer(error) => Some(error),
            Self::Dataset(error) => Some(error),
            Self::Node(error) => Some(error),
            Self::Mock(error) => Some(error),
            Self::Folder(error) => Some(error),
            Self::Run(error) => Some(error),
            Self::Target(_)
            | Self::Step(_)
            | Self::Interrupted(_)
            | Self::Late { .. }
            | Self::Describe(_)
            | Self::Wait(_)
            | Self::Unformatted(_)
            | Self::List(_) => None,
        }
    }
}

impl Explain for RunError {
    fn hint(&self) -> String {
        let hint = match self {
            Self::Journal(JournalError::Thread(_)) => {
                "raise the limit on processes and threads (`ulimit -u`)"
            }
            Self::Journal(JournalError::Create { .. }) => {
                "choose an `--artifact-dir` of its own for each run, on a disk with room"
            }
            Self::Recorder(RecorderError::Panicked) => {
                "please report this, with the response that caused it if you can"
            }
            Self::Recorder(RecorderError::Journal(JournalError::Cut { .. })) => {
                "its records up to the cut are reported; leave the folder of a run alone"
            }
            Self::Journal(_) | Self::Recorder(_) => {
                "make room on the disk; what was measured until then is reported"
            }
            Self::Node(error) => return error.hint(),
            Self::EventLoop(_) => "raise the limits on threads and open files (`ulimit -u`, `ulimit -n`)",
        };
        hint.to_owned()
    }
}
