//! Which exit code the errors before, of and after a run mean.

use super::exit::{Exit, Failure, HasExit};
use crate::{
    config::error::{ConfigError, ConfigErrors},
    dataset::{DatasetError, TokenizerError},
    node::{Class, NodeError},
    plugin::PluginError,
    record::journal::Misplaced,
    run::{
        ExecuteError, RunError, folder_error::ArtifactDirError, mock::MockError, models::ModelError,
        services::ChoiceError,
    },
};

impl HasExit for ExecuteError {
    fn exit(&self) -> Exit {
        match self {
            Self::Target(_) => Exit::Usage,
            Self::Interrupted(interrupt) => (*interrupt).into(),
            Self::Late { .. } => Exit::Incomplete,
            Self::Step(failure) if failure.is_unreachable => Exit::Unreachable,
            Self::Step(_) | Self::Describe(_) | Self::Wait(_) | Self::Unformatted(_) | Self::List(_) => {
                Exit::Failed
            }
            Self::Plugin(error) => error.exit(),
            Self::Choice(error) => error.exit(),
            Self::Tokenizer(error) => error.exit(),
            Self::Dataset(error) => error.exit(),
            Self::Node(error) => error.exit(),
            Self::Mock(error) => error.exit(),
            Self::Folder(error) => error.exit(),
            Self::Run(error) => error.exit(),
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(ConfigErrors { first, others }: ConfigErrors) -> Self {
        Self { beside: others.into_iter().map(Self::from).collect(), ..Self::from(*first) }
    }
}

impl HasExit for ConfigError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl HasExit for TokenizerError {
    fn exit(&self) -> Exit {
        if matches!(self, Self::Locked(_)) { Exit::Plugin } else { Exit::Usage }
    }
}

impl HasExit for DatasetError {
    fn exit(&self) -> Exit {
        if matches!(self, Self::Locked(_)) { Exit::Plugin } else { Exit::Usage }
    }
}

impl HasExit for PluginError {
    fn exit(&self) -> Exit {
        if self.is_usage() { Exit::Usage } else { Exit::Plugin }
    }
}

impl HasExit for ChoiceError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl HasExit for ModelError {
    fn exit(&self) -> Exit {
        if matches!(self, Self::Unreachable { .. }) { Exit::Unreachable } else { Exit::Usage }
    }
}

impl HasExit for MockError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

impl HasExit for NodeError {
    fn exit(&self) -> Exit {
        match self.class() {
            Class::Usage => Exit::Usage,
            Class::Plugin => Exit::Plugin,
            Class::Unreachable => Exit::Unreachable,
            Class::Failed => Exit::Failed,
        }
    }
}

impl HasExit for ArtifactDirError {
    fn exit(&self) -> Exit {
        match self {
            Self::HasRun(_) | Self::NotEmpty(_) | Self::NotAFolder(_) | Self::Busy { .. } => Exit::Usage,
            Self::Io { .. } => Exit::Failed,
        }
    }
}

impl HasExit for Misplaced {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

impl HasExit for RunError {
    fn exit(&self) -> Exit {
        match self {
            Self::Node(error) => error.exit(),
            _ => Exit::Failed,
        }
    }
}
