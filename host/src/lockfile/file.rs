//! The file of a lock: JSON, read and written whole.
//!
//! ```json
//! {
//!   "lock_version": 1,
//!   "plugins": {
//!     "endpoint_openai": {"name": "endpoint-openai", "version": "0.1.0", "sha256": {"x86_64-unknown-linux-gnu": "1f…"}}
//!   },
//!   "tokenizers": {"org/Name": {"version": "8c…", "sha256": {"tokenizer.json": "2a…"}}},
//!   "datasets": {"day.jsonl": {"sha256": {"day.jsonl": "3b…"}}}
//! }
//! ```
//!
//! Compatibility: a `lock_version` has these keys and no others. Keys are in order, so that two files of the same things are the
//! same bytes.

use std::{
    fs::Permissions,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Lockfile, breach::Whose, content::Content};
use crate::{bounded, explain::Explain};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// Largest of these files, in megabytes.
const MOST_MEGABYTES: u64 = 64;

/// Read by everyone, written by us.
const MODE: u32 = 0o644;

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockfileError {
    /// There is no file.
    #[error("find the lock file `{path}`")]
    Missing { path: PathBuf },
    /// It cannot be read.
    #[error("read the lock file `{path}`")]
    Unreadable {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something in it is not what it should be.
    #[error("read the lock file `{path}`")]
    Format {
        path: PathBuf,
        /// What, and where in the file.
        source: serde_json::Error,
    },
    /// Another prony has written it.
    #[error("read the lock file `{path}`: its `lock_version` is {found}, and this prony reads {VERSION}")]
    Version { path: PathBuf, found: u32 },
    /// Others could change it.
    #[error("trust the lock file `{path}`: {fault}")]
    Untrusted {
        path: PathBuf,
        /// Who could, and where.
        fault: String,
        hint: String,
    },
    /// It cannot be written.
    #[error("write the lock file `{path}`")]
    Unwritten {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl LockfileError {
    /// Whether the command line is wrong, rather than the disk.
    pub(crate) fn is_usage(&self) -> bool {
        !matches!(self, Self::Unwritten { .. })
    }
}

impl Explain for LockfileError {
    fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => {
                "`prony lock` writes one into the working directory; `--lock FILE` names another place"
                    .to_owned()
            }
            Self::Unreadable { .. } => "check what stands there, and that you may read it".to_owned(),
            Self::Format { .. } => {
                "take it from where it is kept, or remove it and write it again with `prony lock`".to_owned()
            }
            Self::Version { .. } => {
                "use the prony that has written it, or write it again with `prony lock`".to_owned()
            }
            Self::Untrusted { hint, .. } => hint.clone(),
            Self::Unwritten { .. } => {
                "make room there, or name a place that you may write to with `--output`".to_owned()
            }
        }
    }
}

/// What any version says.
#[derive(Deserialize)]
struct AnyVersion {
    lock_version: u32,
}

impl Lockfile {
    /// One that locks nothing yet.
    pub(crate) fn empty(path: &Path) -> Self {
        Self { path: path.to_owned(), whose: Whose::Own, content: Content::of_version(VERSION) }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is no lock.
    pub(crate) fn read(path: &Path) -> Result<Self, LockfileError> {
        let text = bounded::read_to_string(path, MOST_MEGABYTES).map_err(|source| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::NotFound => LockfileError::Missing { path },
                _ => LockfileError::Unreadable { path, source },
            }
        })?;
        Self::of_text(&text, path)
    }

    fn of_text(text: &str, path: &Path) -> Result<Self, LockfileError> {
        let wrong = |source| LockfileError::Format { path: path.to_owned(), source };
        let AnyVersion { lock_version: found } = serde_json::from_str(text).map_err(wrong)?;
        if found != VERSION {
            return Err(LockfileError::Version { path: path.to_owned(), found });
        }
        let content = serde_json::from_str(text).map_err(wrong)?;
        Ok(Self { path: path.to_owned(), whose: Whose::Own, content })
    }

    /// Writes it to its place, all of it or nothing.
    ///
    /// # Errors
    /// It cannot be written; then what was there is there still.
    pub(crate) fn write(&self) -> Result<(), LockfileError> {
        let failed = |source| LockfileError::Unwritten { path: self.path.clone(), source };
        let text = serde_json::to_string_pretty(&self.content).map_err(|error| failed(error.into()))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(".prony.lock-").permissions(Permissions::from_mode(MODE));
        let mut file = builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, error::Error as _};

    use rstest::rstest;

    use super::{
        super::{FileKind, LockedLibrary, Sum},
        *,
    };

    #[test]
    fn what_is_written_is_read_again_and_is_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prony.lock");
        let mut lock = Lockfile::empty(&path);
        let library = LockedLibrary {
            library: "acme_chat".to_owned(),
            name: "acme-chat".to_owned(),
            version: "3.1.0".to_owned(),
            sum: Sum::of(b"code"),
        };
        lock.lock_libraries("x86_64-unknown-linux-gnu", &[library], |_| true);
        let files = BTreeMap::from([("tokenizer.json".to_owned(), Sum::of(b"{}"))]);
        lock.lock_files(FileKind::Tokenizer, "org/Name", Some("8c".to_owned()), files);
        lock.write().unwrap();
        let first = std::fs::read(&path).unwrap();
        let read = Lockfile::read(&path).unwrap();
        assert_eq!(read, lock);
        read.write().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[rstest]
    #[case::nothing("", "EOF while parsing")]
    #[case::no_version("{}", "missing field `lock_version`")]
    #[case::no_sum(r#"{"lock_version":1,"datasets":{"a":{"sha256":{"a":"12"}}}}"#, "`12` is not a SHA-256")]
    #[case::a_typo(r#"{"lock_version":1,"plugin":{}}"#, "unknown field `plugin`")]
    fn what_is_no_lock_is_told_with_its_place(#[case] text: &str, #[case] expected: &str) {
        let error = Lockfile::of_text(text, Path::new("prony.lock")).unwrap_err();
        let source = error.source().unwrap().to_string();
        assert!(source.contains(expected) && source.contains("line 1"), "{source}");
        assert!(!error.hint().is_empty() && error.is_usage());
    }

    #[test]
    fn the_lock_of_a_later_prony_is_told_by_its_version() {
        let text = r#"{"lock_version":2,"from_later":{}}"#;
        let error = Lockfile::of_text(text, Path::new("prony.lock")).unwrap_err();
        assert!(matches!(error, LockfileError::Version { found: 2, .. }), "{error}");
    }

    #[test]
    fn where_there_is_no_file_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Lockfile::read(&folder.path().join("x")), Err(LockfileError::Missing { .. })));
        assert!(matches!(Lockfile::read(folder.path()), Err(LockfileError::Unreadable { .. })));
        let lost = Lockfile::empty(&folder.path().join("gone/prony.lock")).write().unwrap_err();
        assert!(!lost.is_usage() && lost.hint().contains("--output"));
    }
}
