//! The folder of a run: made new, never silently reused.

use std::{
    ffi::{OsStr, OsString},
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

/// A folder that is this process's.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) dir: PathBuf,
    pub(crate) lock: Lock,
    /// What an earlier run has left in it.
    pub(crate) old: OldFiles,
}

/// The files of an earlier run, by their names in its folder. They stay until the new run begins.
#[derive(Debug, Default)]
pub(crate) struct OldFiles(Vec<PathBuf>);

impl OldFiles {
    /// Removes them from their folder, but for those that the new run has written (`new`).
    ///
    /// # Errors
    /// One cannot be removed.
    pub(crate) fn remove(&self, dir: &Path, new: &[&str]) -> Result<(), ArtifactDirError> {
        for name in self.0.iter().filter(|name| !new.iter().any(|new| Path::new(new) == *name)) {
            let path = dir.join(name);
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(ArtifactDirError::Io { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Makes the folder that the user named, and takes it. With `overwrite` there may be an earlier run in it, whose files are
/// named and not yet removed.
///
/// # Errors
/// There are files in it, or it cannot be made, or another process has it.
pub(crate) fn claim(path: &Path, overwrite: bool) -> Result<Claimed, ArtifactDirError> {
    let io = |source| ArtifactDirError::Io { path: path.to_owned(), source };
    check_for_files(path)?;
    std::fs::create_dir_all(path).map_err(io)?;
    let lock = Lock::take(path)?;
    if !overwrite && !is_empty(path).map_err(io)? {
        let error = if has_run(path) { ArtifactDirError::HasRun } else { ArtifactDirError::NotEmpty };
        return Err(error(path.to_owned()));
    }
    let said = names_in_hooks(path).map_err(io)?.into_iter().filter(|name| is_output(name));
    let said = said.map(|name| Path::new(FOLDER).join(name));
    let prefixed = report::prefixed_files(path).into_iter().map(PathBuf::from);
    let old = OldFiles(files_of_a_run().map(PathBuf::from).chain(prefixed).chain(said).collect());
    Ok(Claimed { dir: path.to_owned(), lock, old })
}

/// Whether there is nothing in it but a lock, and the output of commands around a run that did not begin.
fn is_empty(path: &Path) -> io::Result<bool> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let is_nothing = entry.file_name() == lock::FILE_NAME
            || (entry.file_name() == FOLDER && entry.file_type()?.is_dir());
        if !is_nothing {
            return Ok(false);
        }
    }
    Ok(names_in_hooks(path)?.iter().all(|name| is_output_without_a_run(name)))
}

/// What is in the folder for the output of commands.
fn names_in_hooks(path: &Path) -> io::Result<Vec<OsString>> {
    match std::fs::read_dir(path.join(FOLDER)) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())).collect(),
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// What a command was for whose output has this name, such as `before_run` of `1-before_run.txt`.
fn hook_of(name: &OsStr) -> Option<&str> {
    let (number, hook) = name.to_str()?.strip_suffix(".txt")?.split_once('-')?;
    number.parse::<u32>().is_ok().then_some(hook)
}

fn is_output_without_a_run(name: &OsStr) -> bool {
    matches!(hook_of(name), Some("before_run" | "after_run"))
}

/// Whether a file with this name is the output of a command of a run.
fn is_output(name: &OsStr) -> bool {
    let is_around_a_phase =
        |hook: &str| ["before_phase-", "after_phase-"].iter().any(|begin| hook.starts_with(begin));
    is_output_without_a_run(name) || hook_of(name).is_some_and(is_around_a_phase)
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
pub(crate) fn dated(path: &Path, wall_start_ns: u64) -> Result<Claimed, ArtifactDirError> {
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
fn number(path: &Path) -> Result<Claimed, ArtifactDirError> {
    let io = |source| ArtifactDirError::Io { path: path.to_owned(), source };
    if let Some(parent) = path.parent() {
        check_for_files(parent)?;
        std::fs::create_dir_all(parent).map_err(io)?;
    }
    let mut candidate = path.to_owned();
    for number in 2_u64.. {
        match std::fs::create_dir(&candidate) {
            Ok(()) => {
                let lock = Lock::take(&candidate)?;
                return Ok(Claimed { dir: candidate, lock, old: OldFiles::default() });
            }
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
        let made: Vec<PathBuf> = (0..3).map(|_| dated(&path, begin_ns).unwrap().dir).collect();
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
    fn overwriting_removes_a_runs_files_and_nothing_else_and_not_before_the_new_one_begins() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str| std::fs::write(dir.path().join(name), "old").unwrap();
        std::fs::create_dir(dir.path().join(FOLDER)).unwrap();
        let others = ["notes.txt", "hooks/1-setup.txt", "hooks/before_run.txt"];
        let new = "hooks/1-before_run.txt";
        let old = ["hooks/2-before_phase-warm-up.txt", "hooks/3-after_run.txt"];
        let of_a_run: Vec<_> = files_of_a_run().chain(old).collect();
        for name in of_a_run.iter().chain(&others).chain([&new]) {
            write(name);
        }
        let exists = |name: &str| dir.path().join(name).exists();
        let claimed = claim(dir.path(), true).unwrap();
        assert!(of_a_run.len() > 4 && of_a_run.iter().all(|name| exists(name)));
        claimed.old.remove(&claimed.dir, &[new]).unwrap();
        assert!(!of_a_run.iter().any(|name| exists(name)), "{of_a_run:?}");
        assert!(others.into_iter().chain([new]).all(exists));
    }

    #[test]
    fn output_of_a_run_that_did_not_begin_is_nothing_and_other_files_are_the_users() {
        let dir = tempfile::tempdir().unwrap();
        let hooks = dir.path().join(FOLDER);
        std::fs::write(&hooks, "mine").unwrap();
        assert!(matches!(claim(dir.path(), false), Err(ArtifactDirError::NotEmpty(_))));
        std::fs::remove_file(&hooks).unwrap();
        std::fs::create_dir(&hooks).unwrap();
        std::fs::write(hooks.join("1-before_run.txt"), "old").unwrap();
        std::fs::write(hooks.join("2-after_run.txt"), "old").unwrap();
        drop(claim(dir.path(), false).unwrap());
        std::fs::write(hooks.join("1-setup.txt"), "mine").unwrap();
        assert!(matches!(claim(dir.path(), false), Err(ArtifactDirError::NotEmpty(_))));
    }
}
