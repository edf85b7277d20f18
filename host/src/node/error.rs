//! Why a node cannot work.

use std::io;

use super::{
    agent::AgentError,
    readiness::ReadinessError,
    remote_error::{Class, RemoteError},
};
use crate::{
    dataset::{DatasetError, TokenizerError},
    explain::Explain,
    plan::WrittenError,
    plugin::PluginError,
    record::{journal::JournalError, kept_run::KeptRunError},
    request::worker::WorkerError,
};

/// Why a node cannot work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// The endpoint cannot be used.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The target cannot be measured.
    #[error(transparent)]
    NotReady(#[from] ReadinessError),
    /// The dataset cannot be made where the workers are.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// What counts its tokens cannot be used there.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A worker cannot start.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// One of these, in the child.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The run cannot have its agents.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// There is no journal where the workers are.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What is known of the run cannot be kept there.
    #[error(transparent)]
    Kept(#[from] KeptRunError),
    /// The plan makes no sense where the workers are.
    #[error("read the plan of the run")]
    Plan(#[source] WrittenError),
    /// Requests cannot be sent to the target from there.
    #[error("use the target: {0}")]
    Target(String),
    /// The plugin does not return.
    #[error("use the endpoint `{name}`: {what}")]
    Hangs {
        name: String,
        /// Which call, and for how long.
        what: String,
    },
    /// The child died, or talks nonsense.
    #[error("use the endpoint `{name}` in a process of its own: it {death}")]
    Died { name: String, death: String },
    /// There is no process, or no way to talk to it.
    #[error("run the endpoint `{name}` in a process of its own")]
    Process { name: String, source: io::Error },
    /// There is no thread left.
    #[error("start a thread")]
    Thread(#[source] io::Error),
}

impl NodeError {
    /// The same for another process.
    pub(crate) fn remote(&self) -> RemoteError {
        RemoteError::of(self, &self.hint(), self.class())
    }

    /// What it says about the end of the run.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Plugin(error) if error.is_usage() => Class::Usage,
            Self::Dataset(DatasetError::Locked(_)) | Self::Tokenizer(TokenizerError::Locked(_)) => {
                Class::Plugin
            }
            Self::Dataset(_) | Self::Tokenizer(_) | Self::Plan(_) | Self::Target(_) => Class::Usage,
            Self::Plugin(_) | Self::Hangs { .. } | Self::Died { .. } => Class::Plugin,
            Self::Agent(error) => error.class(),
            Self::NotReady(_) => Class::Unreachable,
            Self::Remote(error) => error.class(),
            Self::Worker(_) | Self::Journal(_) | Self::Kept(_) | Self::Process { .. } | Self::Thread(_) => {
                Class::Failed
            }
        }
    }
}

impl Explain for NodeError {
    fn is_statement(&self) -> bool {
        matches!(self, Self::Plugin(error) if error.is_statement())
    }

    fn hint(&self) -> String {
        match self {
            Self::Plugin(error) => error.hint(),
            Self::Dataset(error) => error.hint(),
            Self::Tokenizer(error) => error.hint(),
            Self::NotReady(error) => error.hint(),
            Self::Remote(error) => error.hint(),
            Self::Agent(error) => error.hint(),
            Self::Plan(_) | Self::Target(_) => "use the same version of prony everywhere".to_owned(),
            Self::Hangs { .. } | Self::Died { .. } => {
                "report it to the plugin's vendor; `--log-level debug` shows what the plugin says".to_owned()
            }
            Self::Journal(_) => "look at the space on the agent's disk and at its permissions".to_owned(),
            Self::Kept(error) => error.hint(),
            Self::Worker(_) | Self::Process { .. } | Self::Thread(_) => {
                "raise the limits on processes, threads and open files (`ulimit -u`, `ulimit -n`)".to_owned()
            }
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
        let error = NodeError::Process { name: "x".to_owned(), source };
        let bytes = rmp_serde::to_vec_named(&error.remote()).unwrap();
        let arrived = NodeError::from(rmp_serde::from_slice::<RemoteError>(&bytes).unwrap());
        assert_eq!(chain(&arrived), chain(&error));
        assert_eq!((arrived.hint(), arrived.class()), (error.hint(), error.class()));
    }
}
