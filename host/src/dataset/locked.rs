//! Datasets and the lock file: the SHA-256 of the files of one, and whether what is read is what was locked.
//!
//! A file is copied before it is looked at, to a temporary file without a name, and the copy is what is checked and read. A folder
//! is not: its files are checked before they are read, and again afterwards.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{error::DatasetError, formats::StoredFile, source::Source};
use crate::lockfile::{FileKind, Files, Lockfile, OF_A_SESSION, Sum};

/// So deep, and so many files: a link may lead back to where it is.
const DEEPEST: usize = 16;
const MOST_FILES: usize = 100_000;

/// The SHA-256 of each file of a dataset, by its path below it: of the file itself, or of all that are below a folder. A file that
/// has a folder of agents, as sessions of Claude Code have, has those as well.
///
/// # Errors
/// One cannot be read.
pub(crate) fn sums(path: &Path) -> Result<Files, DatasetError> {
    let mut all = Vec::new();
    if path.is_dir() {
        gather(path, 0, &mut all).map_err(unhashed)?;
    } else {
        all.push(path.to_owned());
        all.extend(of_its_own(path)?);
    }
    summed(all, root_of(path))
}

/// The SHA-256 of files, by their paths below a folder.
fn summed(files: Vec<PathBuf>, root: &Path) -> Result<Files, DatasetError> {
    let sum = |file: PathBuf| {
        let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
        let sum = File::open(&file).and_then(|mut open| Sum::of_reader(&mut open));
        sum.map(|sum| (name, sum)).map_err(|source| unhashed((file, source)))
    };
    files.into_iter().map(sum).collect()
}

fn unhashed((path, source): (PathBuf, io::Error)) -> DatasetError {
    DatasetError::Unhashed { path, source }
}

/// The folder that paths of a dataset's files start from.
fn root_of(path: &Path) -> &Path {
    if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) }
}

/// Files of the agents of a session, which are in a folder with the name of its file, without its extension.
fn of_its_own(file: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let folder = file.with_extension("").join(OF_A_SESSION);
    let mut all = Vec::new();
    if folder.is_dir() {
        gather(&folder, 0, &mut all).map_err(unhashed)?;
    }
    Ok(all)
}

fn gather(folder: &Path, depth: usize, all: &mut Vec<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    let unreadable = |source| (folder.to_owned(), source);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // Nobody reads hidden ones.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        if path.is_dir() && depth < DEEPEST {
            gather(&path, depth + 1, all)?;
        } else if path.is_file() {
            all.push(path);
        }
        if all.len() > MOST_FILES {
            let text = format!("there are more than {MOST_FILES} files in it, which is the limit");
            return Err(unreadable(io::Error::other(text)));
        }
    }
    Ok(())
}

/// A dataset that is as it was locked, and the SHA-256 of it if it is a file, which nobody can change any more.
///
/// # Errors
/// It is not, or it cannot be read.
pub(super) fn sealed(path: &Path, lock: &Lockfile) -> Result<(StoredFile, Option<Sum>), DatasetError> {
    let file = StoredFile::of(path)?.sealed()?;
    let sum = file.sum()?;
    check_all(path, sum.as_ref(), lock)?;
    Ok((file, sum))
}

/// Checks what could not be sealed, now that it was read: files of a folder, or those that belong to a file with this sum, and media
/// that lines have named, as they were read.
///
/// # Errors
/// Something is not as it was locked.
pub(super) fn check_read(
    path: &Path,
    sum: Option<&Sum>,
    source: &Source,
    lock: &Lockfile,
) -> Result<(), DatasetError> {
    check_all(path, sum, lock)?;
    let root = root_of(path);
    for (called, sum) in source.media_as_called() {
        lock.check_file(FileKind::Dataset, &root.join(called), &sum)?;
    }
    Ok(())
}

/// Checks all files of a folder, or a file that was read and has this sum, with those that belong to it.
fn check_all(path: &Path, sum: Option<&Sum>, lock: &Lockfile) -> Result<(), DatasetError> {
    let found = match sum {
        Some(sum) => {
            let own = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut found = summed(of_its_own(path)?, root_of(path))?;
            found.insert(own, sum.clone());
            found
        }
        None => sums(path)?,
    };
    Ok(lock.check_whole(FileKind::Dataset, path, sum.is_none(), &found)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_a_folder_and_what_belongs_to_a_file_have_sums() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("a/subagents")).unwrap();
        fs::write(path("a.jsonl"), "one").unwrap();
        fs::write(path("a/subagents/b.jsonl"), "two").unwrap();
        fs::write(path("a/notes.txt"), "of something else").unwrap();
        let names = |of: &Path| sums(of).unwrap().into_keys().collect::<Vec<_>>();
        assert_eq!(names(&path("a.jsonl")), ["a.jsonl", "a/subagents/b.jsonl"]);
        assert_eq!(names(&path("a")), ["notes.txt", "subagents/b.jsonl"]);
        assert_eq!(sums(&path("a.jsonl")).unwrap()["a.jsonl"], Sum::of(b"one"));
        assert!(matches!(sums(&path("gone")), Err(DatasetError::Unhashed { .. })));
    }
}
