//! The file of the sessions: written whole, again and again, so that what ends this process in the middle costs a minute at most.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::sessions::Sessions;
use crate::{dataset::write_sessions, explain::Explain};

/// Where sessions go.
#[derive(Debug)]
pub(crate) enum Output {
    /// At the end only.
    Standard,
    /// A file, and one beside it that takes its place when it is written.
    File { path: PathBuf, part: PathBuf },
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// It cannot be made, or is there already.
    #[error("create the file `{path}`")]
    Create { path: PathBuf, source: io::Error },
    /// It cannot be written.
    #[error("write the sessions to `{path}`")]
    Write { path: PathBuf, source: io::Error },
    /// Standard output cannot be written to.
    #[error("write the sessions to standard output")]
    Standard { source: io::Error },
}

impl Explain for OutputError {
    fn hint(&self) -> String {
        match self {
            Self::Create { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                "name one that does not exist".to_owned()
            }
            Self::Create { .. } => "name a file in a folder that exists and that you may write to".to_owned(),
            Self::Write { path, .. } => {
                format!(
                    "what was recorded up to the last time that it could be written is in `{}`",
                    path.display()
                )
            }
            Self::Standard { .. } => String::new(),
        }
    }
}

impl Output {
    /// Makes the file, which must not exist yet; standard output without one.
    ///
    /// # Errors
    /// It cannot be made, or the one beside it is there already.
    pub(crate) fn create(path: Option<PathBuf>) -> Result<Self, OutputError> {
        let Some(path) = path else { return Ok(Self::Standard) };
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        // Somebody's, whom the first writing would take it from.
        if fs::symlink_metadata(&part).is_ok() {
            return Err(OutputError::Create { path: part, source: io::ErrorKind::AlreadyExists.into() });
        }
        match File::create_new(&path).and_then(|file| begun(&path, &file)) {
            Ok(()) => Ok(Self::File { path, part }),
            Err(source) => Err(OutputError::Create { path, source }),
        }
    }

    /// Whether the file is written before the end.
    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// Writes all sessions.
    ///
    /// # Errors
    /// They cannot be written; a file keeps what it has.
    pub(super) fn write(&self, sessions: &Sessions) -> Result<(), OutputError> {
        match self {
            Self::Standard => match write(io::stdout().lock(), sessions) {
                // A reader that has gone away has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => written.map_err(|source| OutputError::Standard { source }),
            },
            Self::File { path, part } => {
                let written = File::create(part)
                    .and_then(|file| write(&file, sessions).and_then(|()| file.sync_all()))
                    .and_then(|()| fs::rename(part, path));
                written.map_err(|source| {
                    // It holds a part of what is in the file anyway.
                    let _ = fs::remove_file(part);
                    OutputError::Write { path: path.clone(), source }
                })
            }
        }
    }
}

/// Writes what a file without sessions holds. One that cannot be written to is taken away again.
fn begun(path: &Path, mut file: &File) -> io::Result<()> {
    write_sessions(std::iter::empty(), &mut file).inspect_err(|_| {
        // What is left of it is empty, and the error says why.
        let _ = fs::remove_file(path);
    })
}

fn write(out: impl Write, sessions: &Sessions) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    write_sessions(sessions.scripts(), &mut out)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{dataset::Tokenizer, plan::TokenizerChoice};

    fn nothing() -> Sessions {
        Sessions::new(Tokenizer::load(&TokenizerChoice::Builtin).unwrap(), 64, false)
    }

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s.jsonl");
        fs::write(&path, "mine").unwrap();
        let error = Output::create(Some(path.clone())).unwrap_err();
        assert_eq!(error.hint(), "name one that does not exist");
        assert_eq!(fs::read_to_string(path).unwrap(), "mine");
    }

    #[test]
    fn a_file_beside_it_that_is_there_stays_as_it_is() {
        let folder = TempDir::new().unwrap();
        let (path, part) = (folder.path().join("s.jsonl"), folder.path().join("s.jsonl.part"));
        fs::write(&part, "mine").unwrap();
        let error = Output::create(Some(path.clone())).unwrap_err();
        assert!(error.to_string().contains("s.jsonl.part") && !path.exists(), "{error}");
        assert_eq!(fs::read_to_string(part).unwrap(), "mine");
    }

    #[test]
    fn a_file_that_cannot_be_begun_is_taken_away() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s.jsonl");
        fs::write(&path, "").unwrap();
        let only_to_read = File::open(&path).unwrap();
        assert!(begun(&path, &only_to_read).is_err() && !path.exists());
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s.jsonl");
        let output = Output::create(Some(path.clone())).unwrap();
        output.write(&nothing()).unwrap();
        let part = folder.path().join("s.jsonl.part");
        assert!(!part.exists());
        fs::create_dir(&part).unwrap();
        assert!(matches!(output.write(&nothing()), Err(OutputError::Write { .. })));
        assert_eq!(fs::read_to_string(path).unwrap(), "{\"prony_sessions\": 1}\n");
    }
}
