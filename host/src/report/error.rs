//! Why there is no report, or not all of it: the [`ReportError`].

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    explain::Explain,
    record::journal::{self, JournalError},
};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// The journal cannot be read at all.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal breaks off before it says what was run.
    #[error("report on `{}`: its journal does not say what was run", .dir.display())]
    NoHeader {
        /// The run's folder.
        dir: PathBuf,
        /// It has been damaged since.
        is_damaged: bool,
    },
    /// Another run's journal has the name of this run's.
    #[error("report on `{}`: its journal is that of another run", .dir.display())]
    AnotherRun {
        /// The run's folder.
        dir: PathBuf,
    },
    /// Files cannot be written: a missing right, a full disk.
    #[error("write {}", names(.unwritten))]
    Write {
        /// The run's folder.
        dir: PathBuf,
        /// The files that are missing.
        unwritten: Vec<PathBuf>,
        /// Why the first of them is.
        source: io::Error,
    },
}

impl Explain for ReportError {
    fn hint(&self) -> String {
        let text = match self {
            Self::Journal(JournalError::Open { .. }) => {
                "name the folder of a run: the one that holds `journal.prony`"
            }
            Self::Journal(JournalError::NotAJournal { .. }) => {
                "use the version of the tool that made the run"
            }
            Self::Journal(_) | Self::AnotherRun { .. } => return String::new(),
            Self::NoHeader { is_damaged: true, .. } => "nothing of its header can be read: run it again",
            Self::NoHeader { is_damaged: false, .. } => {
                "nothing was measured yet when the run was killed: run it again"
            }
            Self::Write { dir, .. } => return again_from_the_journal(dir),
        };
        text.to_owned()
    }
}

/// What to do when the journal of a run is there and files of its report are not.
pub(crate) fn again_from_the_journal(dir: &Path) -> String {
    format!(
        "the records are in `{}`: make room, or get the right to write, then `prony report {}` makes the files",
        dir.join(journal::FILE_NAME).display(),
        dir.display()
    )
}

/// Paths in a sentence.
fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    names.join(", ")
}
