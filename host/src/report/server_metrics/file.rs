//! Writing a file whole or not at all.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// A missing folder, no right, no space.
    #[error("write `{}`", .path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes the contents beside the file, as `<name>.tmp`, and then puts them in its place: a reader sees the old file or
/// the new one, and a full disk leaves the old one.
pub(super) fn replace(path: &Path, contents: impl FnOnce() -> io::Result<Vec<u8>>) -> Result<(), WriteError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let write = || {
        fs::write(&beside, contents()?)?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| WriteError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        replace(&path, || Ok(b"old".to_vec())).unwrap();
        replace(&path, || Ok(b"new".to_vec())).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn contents_that_cannot_be_made_leave_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        replace(&path, || Ok(b"old".to_vec())).unwrap();
        let error = replace(&path, || Err(io::Error::other("no"))).unwrap_err();
        assert_eq!(error.to_string(), format!("write `{}`", path.display()));
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
