//! Why a run has no folder.

use crate::explain::Explain;
use std::{io, path::PathBuf};

/// Why there is no folder for the run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArtifactDirError {
    /// It holds an earlier run, and `--overwrite` is not given.
    #[error("use `{}` for this run: there is another one in it", .0.display())]
    HasRun(PathBuf),
    /// It holds files that are not of a run.
    #[error("use `{}` for this run: it is not empty, and no run is in it", .0.display())]
    NotEmpty(PathBuf),
    /// It, or a folder that it would be in, is a file.
    #[error("`{}` is a file; give a folder", .0.display())]
    NotAFolder(PathBuf),
    /// A run is going there.
    #[error("use `{}` for this run: another one is going there{}", .dir.display(), in_brackets(.owner))]
    Busy {
        dir: PathBuf,
        /// Whose it is, if that is known.
        owner: String,
    },
    /// A file system error.
    #[error("prepare the folder `{}`", .path.display())]
    Io {
        /// What could not be made, read or removed.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Explain for ArtifactDirError {
    fn hint(&self) -> String {
        let hint = match self {
            Self::HasRun(_) => {
                "choose another `--artifact-dir`, or add `--overwrite` to replace that run's files"
            }
            Self::NotEmpty(_) => "choose an `--artifact-dir` that is empty, or does not exist yet",
            Self::NotAFolder(_) => "choose another `--artifact-dir`",
            Self::Busy { .. } => "choose another `--artifact-dir`, or wait for the end of that run",
            Self::Io { .. } => "choose an `--artifact-dir` on a disk where you may write",
        };
        hint.to_owned()
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::NotAFolder(_))
    }
}

/// The owner of a folder behind a sentence, if it is known.
pub(crate) fn in_brackets(owner: &str) -> String {
    if owner.is_empty() { String::new() } else { format!(" ({owner})") }
}
