//! Folders: which of the files below one are read.

use std::path::{Path, PathBuf};

use super::FileError;
use crate::lockfile::OF_A_SESSION;

/// Names of the files that are read, without what they are packed with. Where there are files of several kinds, those of the
/// first kind are read: tools keep an index beside their recordings, or a note.
const KINDS: [&str; 3] = [".jsonl", ".json", ".csv"];

/// What files may be packed with.
const PACKED: [&str; 3] = ["", ".gz", ".zst"];

/// So deep, and so many files: a link may lead back to where it is.
const DEEPEST: usize = 16;
const MOST_FILES: usize = 100_000;

/// The files below a folder that are read, in the order of their paths. Hidden ones are not.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut all = Vec::new();
    gather(folder, 0, &mut all)?;
    all.sort();
    let of_kind = |kind: &str| -> Vec<PathBuf> {
        let is_one = |path: &&PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            PACKED.iter().any(|packed| name.strip_suffix(packed).is_some_and(|name| name.ends_with(kind)))
        };
        all.iter().filter(is_one).cloned().collect()
    };
    let found = KINDS.into_iter().map(of_kind).find(|files| !files.is_empty());
    found.ok_or_else(|| FileError::EmptyFolder { path: folder.into() })
}

fn gather(folder: &Path, depth: usize, all: &mut Vec<PathBuf>) -> Result<(), FileError> {
    let unreadable = |source| FileError::Unreadable { path: folder.into(), source };
    for entry in folder.read_dir().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (name, path) = (entry.file_name(), entry.path());
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_file() {
            all.push(path);
        } else if path.is_dir() && name != OF_A_SESSION && depth < DEEPEST {
            gather(&path, depth + 1, all)?;
        }
        if all.len() > MOST_FILES {
            let what = format!("there are more than {MOST_FILES} files in it, which is the limit");
            return Err(FileError::TooLarge { path: folder.into(), what });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn names(of: &[&str]) -> Vec<String> {
        let folder = TempDir::new().unwrap();
        for name in of {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        let found = files(folder.path()).unwrap_or_default();
        let name = |path: PathBuf| path.strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned();
        found.into_iter().map(name).collect()
    }

    #[test]
    fn files_of_one_kind_are_read_in_order() {
        let all = [
            "b.jsonl.gz",
            "2026/03/a.jsonl",
            "c.jsonl.zst",
            "index.json",
            ".x.jsonl",
            "s/subagents/d.jsonl",
            "README.md",
        ];
        assert_eq!(names(&all), ["2026/03/a.jsonl", "b.jsonl.gz", "c.jsonl.zst"]);
        assert_eq!(names(&["t.json", "v.csv"]), ["t.json"]);
        assert_eq!(names(&["notes.txt"]), Vec::<String>::new());
    }
}
