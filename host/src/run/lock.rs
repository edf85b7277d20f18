//! The lock of a run's folder: a file that names the process whose run is going there.
//!
//! What counts is the system's lock on the file, which ends with the process, and not that the file is there.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags, open};

use super::folder_error::ArtifactDirError;

pub(super) const FILE_NAME: &str = "run.lock";

/// A folder that is this process's. It is given back with this value.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes a folder, which exists.
    ///
    /// # Errors
    /// A run is going there, or the file cannot be made.
    pub(super) fn take(dir: &Path) -> Result<Self, ArtifactDirError> {
        let path = dir.join(FILE_NAME);
        let io = |source| ArtifactDirError::Io { path: path.clone(), source };
        loop {
            let mut file = open_or_make(&path).map_err(io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut owner = String::new();
                    // Its owner may not have written it yet.
                    file.read_to_string(&mut owner).ok();
                    return Err(ArtifactDirError::Busy { dir: dir.to_owned(), owner: owner.trim().into() });
                }
                // Some file systems have no locks: then a run goes without.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(io(error)),
            }
            // The run that had it may have removed it between these two steps.
            if is_at(&file, &path) {
                file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
                writeln!(file, "process {}", std::process::id()).map_err(io)?;
                return Ok(Self { path, file });
            }
        }
    }
}

/// Whose run is going in a folder, if one is.
pub(crate) fn owner(dir: &Path) -> Option<String> {
    let mut file = File::open(dir.join(FILE_NAME)).ok()?;
    let Err(TryLockError::WouldBlock) = file.try_lock_shared() else { return None };
    let mut owner = String::new();
    file.read_to_string(&mut owner).ok()?;
    Some(owner.trim().to_owned())
}

impl Drop for Lock {
    fn drop(&mut self) {
        if is_at(&self.file, &self.path) {
            // Without the lock it means nothing.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Never through a link that somebody has put there.
fn open_or_make(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(open(path, flags, Mode::from_raw_mode(0o644))?))
}

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let there = fs::symlink_metadata(path).map(identity).ok();
    there.is_some() && file.metadata().map(identity).ok() == there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let owner = format!("process {}", std::process::id());
        assert!(
            matches!(Lock::take(dir.path()), Err(ArtifactDirError::Busy { owner: named, .. }) if named == owner)
        );
        drop(lock);
        assert!(!dir.path().join(FILE_NAME).exists());
        drop(Lock::take(dir.path()).unwrap());
    }

    #[test]
    fn a_file_that_nobody_has_locked_is_no_lock() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), "process 1234567\n").unwrap();
        let _lock = Lock::take(dir.path()).unwrap();
        let text = fs::read_to_string(dir.path().join(FILE_NAME)).unwrap();
        assert_eq!(text, format!("process {}\n", std::process::id()));
    }
}
