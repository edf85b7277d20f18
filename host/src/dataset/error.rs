//! Why there is no dataset.

use std::{io, path::PathBuf};

use super::{
    AcceptanceError, FileError, context::SystemPromptError, media::MediaError, replay::ReplayError,
    reshaping::NothingLeft, tools::ToolsError,
};
use crate::{explain::Explain, lockfile::Breach};

/// Why there is no dataset.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatasetError {
    /// No script was asked for.
    #[error("make a dataset of 0 prompts")]
    NoScripts,
    /// Scripts without texts were asked for.
    #[error("make prompts of 0 texts")]
    NoTexts,
    /// The input file is not what it should be.
    #[error(transparent)]
    File(#[from] FileError),
    /// Media that cannot be made.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Nothing of it is left.
    #[error(transparent)]
    NothingLeft(#[from] NothingLeft),
    /// It cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// There is no system message.
    #[error(transparent)]
    SystemPrompt(#[from] SystemPromptError),
    /// Its tool calls are in no form that is known.
    #[error(transparent)]
    Tools(#[from] ToolsError),
    /// The endpoint does not take what the dataset holds.
    #[error(transparent)]
    NotAccepted(#[from] AcceptanceError),
    /// It holds whole bodies, and a warm-up asks for one token.
    #[error(
        "use `{flag}` with the input file: it has whole bodies, which are sent as they are and ask for more than one token"
    )]
    PayloadsInCache {
        /// What asks for that warm-up.
        flag: &'static str,
    },
    /// It is not what was locked.
    #[error("open the dataset as it was locked")]
    Locked(#[from] Breach),
    /// A file of it cannot be read to the end.
    #[error("compute the SHA-256 of `{path}`")]
    Unhashed { path: PathBuf, source: io::Error },
    /// There is no thread left to make prompts on.
    #[error("start a thread")]
    Thread(#[source] io::Error),
}

impl Explain for DatasetError {
    fn hint(&self) -> String {
        match self {
            Self::NoScripts | Self::NoTexts => "ask for at least one".to_owned(),
            Self::File(error) => error.hint(),
            Self::Media(error) => error.hint(),
            Self::NotAccepted(error) => error.hint(),
            Self::Tools(error) => error.hint(),
            Self::Replay(error) => error.hint(),
            Self::NothingLeft(_) => "raise these limits".to_owned(),
            Self::SystemPrompt(_) => "name a text file with `--system-prompt-file`".to_owned(),
            Self::PayloadsInCache { flag } => format!("leave out `{flag}`, or name a file of messages"),
            Self::Locked(breach) => breach.hint(),
            Self::Unhashed { .. } => "check what stands there, and that you may read it".to_owned(),
            Self::Thread(_) => "raise the limit on processes and threads (`ulimit -u`)".to_owned(),
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::File(error) if error.is_statement())
    }
}
