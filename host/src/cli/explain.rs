//! What the errors before, of and after a run mean for the process and for the user.

use prony_plugin_api::ErrorDetails;

use super::exit::{Exit, Explain, Failure, Form};
use crate::{
    config::error::{ConfigError, ConfigErrors},
    dataset::{DatasetError, TokenizerError},
    node::{Class, NodeError},
    plugin::PluginError,
    record::{
        journal::{JournalError, Misplaced},
        recorder::RecorderError,
    },
    run::{
        ExecuteError, RunError, folder_error::ArtifactDirError, mock::MockError, models::ModelError,
        services::ChoiceError,
    },
};

impl Explain for ExecuteError {
    fn exit(&self) -> Exit {
        match self {
            Self::Target(_) => Exit::Usage,
            Self::Interrupted(interrupt) => (*interrupt).into(),
            Self::Describe(_) | Self::Wait(_) => Exit::Failed,
            wrapped => wrapped.explained().map_or(Exit::Failed, Explain::exit),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Target(ErrorDetails { hint, .. }) => Some(hint.clone()).filter(|hint| !hint.is_empty()),
            wrapped => wrapped.explained().and_then(Explain::hint),
        }
    }

    fn form(&self) -> Form {
        match self {
            Self::Interrupted(_) => Form::Statement,
            wrapped => wrapped.explained().map_or(Form::Attempt, Explain::form),
        }
    }
}

impl ExecuteError {
    /// The error of a stage that it is.
    fn explained(&self) -> Option<&dyn Explain> {
        match self {
            Self::Plugin(error) => Some(error),
            Self::Choice(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Tokenizer(error) => Some(error),
            Self::Dataset(error) => Some(error),
            Self::Node(error) => Some(error),
            Self::Mock(error) => Some(error),
            Self::Folder(error) => Some(error),
            Self::Run(error) => Some(error),
            Self::Target(_) | Self::Interrupted(_) | Self::Describe(_) | Self::Wait(_) => None,
        }
    }
}

fn form(is_statement: bool) -> Form {
    if is_statement { Form::Statement } else { Form::Attempt }
}

impl From<ConfigErrors> for Failure {
    fn from(ConfigErrors { first, others }: ConfigErrors) -> Self {
        Self { beside: others.into_iter().map(Self::from).collect(), ..Self::from(*first) }
    }
}

impl Explain for ConfigError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(ConfigError::hint(self))
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for TokenizerError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(TokenizerError::hint(self)).filter(|hint| !hint.is_empty())
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for DatasetError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(DatasetError::hint(self)).filter(|hint| !hint.is_empty())
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for PluginError {
    fn exit(&self) -> Exit {
        if self.is_usage() { Exit::Usage } else { Exit::Plugin }
    }

    fn hint(&self) -> Option<String> {
        Some(PluginError::hint(self)).filter(|hint| !hint.is_empty())
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for ChoiceError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(ChoiceError::hint(self))
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for ModelError {
    fn exit(&self) -> Exit {
        if matches!(self, Self::Unreachable { .. }) { Exit::Unreachable } else { Exit::Usage }
    }

    fn hint(&self) -> Option<String> {
        Some(ModelError::hint(self)).filter(|hint| !hint.is_empty())
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for MockError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn hint(&self) -> Option<String> {
        Some("run `prony mock-server` to see what it says".to_owned())
    }
}

impl Explain for NodeError {
    fn exit(&self) -> Exit {
        match self.class() {
            Class::Usage => Exit::Usage,
            Class::Plugin => Exit::Plugin,
            Class::Unreachable => Exit::Unreachable,
            Class::Failed => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(NodeError::hint(self)).filter(|hint| !hint.is_empty())
    }

    fn form(&self) -> Form {
        form(matches!(self, Self::Plugin(error) if error.is_statement()))
    }
}

impl Explain for ArtifactDirError {
    fn exit(&self) -> Exit {
        match self {
            Self::HasRun(_) | Self::NotEmpty(_) | Self::NotAFolder(_) | Self::Busy { .. } => Exit::Usage,
            Self::Io { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(ArtifactDirError::hint(self).to_owned())
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for Misplaced {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn hint(&self) -> Option<String> {
        Some(Misplaced::hint(self))
    }

    fn form(&self) -> Form {
        Form::Statement
    }
}

impl Explain for RunError {
    fn exit(&self) -> Exit {
        match self {
            Self::Node(error) => error.exit(),
            _ => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Journal(JournalError::Create { .. }) => {
                Some("choose an `--artifact-dir` of its own for each run, on a disk with room".to_owned())
            }
            Self::Recorder(RecorderError::Panicked) => {
                Some("please report this, with the response that caused it if you can".to_owned())
            }
            Self::Recorder(RecorderError::Journal(JournalError::Cut { .. })) => {
                Some("its records up to the cut are reported; leave the folder of a run alone".to_owned())
            }
            Self::Journal(_) | Self::Recorder(_) => {
                Some("make room on the disk; what was measured until then is reported".to_owned())
            }
            Self::Node(error) => Explain::hint(error),
            Self::EventLoop(_) => {
                Some("raise the limits on threads and open files (`ulimit -u`, `ulimit -n`)".to_owned())
            }
        }
    }
}
