//! The folder of a run: made new, never silently reused.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use time::OffsetDateTime;

use super::{
    folder_error::ArtifactDirError,
    hooks::FOLDER,
    lock::{self, Lock},
};
use crate::{record::journal, report};

/// Makes the folder that the user named, and takes it. With `overwrite`, the files of an earlier run in it go; others stay.
pub(crate) fn claim(path: &Path, overwrite: bool) -> Result<(PathBuf, Lock), ArtifactDirError> {
    let io = |source| ArtifactDirError::Io { path: path.to_owned(), source };
    check_for_files(path)?;
    std::fs::create_dir_all(path).map_err(io)?;
    let lock = Lock::take(path)?;
    let mut entries = std::fs::read_dir(path).map_err(io)?;
    // Where nothing but a command before the run was carried out, there is no run.
    let is_nothing = |name: &OsStr| name == lock::FILE_NAME || name == FOLDER;
    let is_empty = entries.all(|entry| entry.is_ok_and(|entry| is_nothing(&entry.file_name())));
    if !is_empty && !overwrite {
        let error = if has_run(path) { ArtifactDirError::HasRun } else { ArtifactDirError::NotEmpty };
        return Err(error(path.to_owned()));
    }
    let said = outputs_of_hooks(path).map_err(io)?;
    for file in files_of_a_run().map(|name| path.join(name)).chain(said) {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
    }
    Ok((path.to_owned(), lock))
}

/// What commands of an earlier run have said, in files that begin with a number.
fn outputs_of_hooks(path: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(path.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.split_once('-').is_some_and(|(number, _)| number.parse::<u32>().is_ok())
            && name.ends_with(".txt")
    };
    Ok(paths.into_iter().filter(is_ours).collect())
}

/// Takes a folder that is there, with what is in it.
///
/// # Errors
/// Another process has it.
pub(crate) fn enter(path: &Path) -> Result<Lock, ArtifactDirError> {
    Lock::take(path)
}

/// Whether there is something of a run to be replaced.
fn has_run(path: &Path) -> bool {
    files_of_a_run().any(|name| path.join(name).exists())
}

/// Names of the files that a run may leave: its report, and the records that this is made from.
fn files_of_a_run() -> impl Iterator<Item = &'static str> {
    report::possible_files().chain([journal::FILE_NAME, journal::TEXTS_FILE_NAME])
}

/// Fails if a file stands where a folder would have to.
fn check_for_files(path: &Path) -> Result<(), ArtifactDirError> {
    match path.ancestors().find(|part| part.is_file()) {
        Some(file) => Err(ArtifactDirError::NotAFolder(file.to_owned())),
        None => Ok(()),
    }
}

/// Makes a new folder for a run that began `wall_start_ns` after 1970 and whose folder the user did not name: the date and
/// time in front of the name of `path`, in UTC, so that names sort by time. Two runs that begin in the same second get two
/// folders.
pub(crate) fn dated(path: &Path, wall_start_ns: u64) -> Result<(PathBuf, Lock), ArtifactDirError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    number(&path.with_file_name(format!("{}_{name}", second(wall_start_ns))))
}

/// A second as it stands in a name: `2026-11-28_14-03-07`.
fn second(wall_ns: u64) -> String {
    let time =
        OffsetDateTime::from_unix_timestamp_nanos(wall_ns.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.to_hms();
    format!("{year:04}-{month:02}-{day:02}_{hour:02}-{minute:02}-{second:02}")
}

/// Makes a new folder: `name`, or `name-2` and so on when that is taken.
fn number(path: &Path) -> Result<(PathBuf, Lock), ArtifactDirError> {
    let io = |source| ArtifactDirError::Io { path: path.to_owned(), source };
    if let Some(parent) = path.parent() {
        check_for_files(parent)?;
        std::fs::create_dir_all(parent).map_err(io)?;
    }
    let mut candidate = path.to_owned();
    for number in 2_u64.. {
        match std::fs::create_dir(&candidate) {
            Ok(()) => return Lock::take(&candidate).map(|lock| (candidate, lock)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mut name = path.as_os_str().to_owned();
                name.push(format!("-{number}"));
                candidate = name.into();
            }
            Err(error) => return Err(io(error)),
        }
    }
    Err(ArtifactDirError::NotEmpty(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;

    #[test]
    fn a_default_folder_has_a_date_and_is_numbered_when_it_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("artifacts/chat_c1");
        let begin_ns = 1_795_874_587_999_999_999;
        let made: Vec<PathBuf> = (0..3).map(|_| dated(&path, begin_ns).unwrap().0).collect();
        let names: Vec<_> = made.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(
            names,
            ["2026-11-28_14-03-07_chat_c1", "2026-11-28_14-03-07_chat_c1-2", "2026-11-28_14-03-07_chat_c1-3"]
        );
    }

    #[test]
    fn a_folder_with_files_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        let error = claim(dir.path(), false).unwrap_err();
        assert!(matches!(error, ArtifactDirError::NotEmpty(_)) && !error.hint().contains("--overwrite"));
        std::fs::write(dir.path().join(journal::FILE_NAME), "old").unwrap();
        let error = claim(dir.path(), false).unwrap_err();
        assert!(matches!(error, ArtifactDirError::HasRun(_)) && error.hint().contains("--overwrite"));
    }

    #[test]
    fn a_file_is_no_folder_and_neither_is_what_would_be_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("notes.txt");
        std::fs::write(&file, "mine").unwrap();
        for path in [file.clone(), file.join("run")] {
            for result in [claim(&path, true), number(&path.join("m"))] {
                assert!(matches!(result, Err(ArtifactDirError::NotAFolder(named)) if named == file));
            }
        }
    }

    #[test]
    fn overwriting_removes_a_runs_files_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        let of_a_run: Vec<_> = files_of_a_run().map(|name| dir.path().join(name)).collect();
        for file in &of_a_run {
            std::fs::write(file, "old").unwrap();
        }
        claim(dir.path(), true).unwrap();
        assert!(dir.path().join("notes.txt").exists());
        assert!(of_a_run.len() > 2 && of_a_run.iter().all(|file| !file.exists()), "{of_a_run:?}");
    }
}
