//! The folder of an experiment: one process at a time, its state written as a whole, half runs out of the way.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tempfile::NamedTempFile;

use super::state::{FORMAT, Progress, State};
use crate::{
    bounded,
    explain::Explain,
    run::{
        Lock,
        artifact_dir::{self, Claimed},
        folder_error::{ArtifactDirError, in_brackets},
    },
};

/// The file of the state.
pub(super) const STATE: &str = "experiment.json";

/// The folder for what commands between runs say.
const BETWEEN: &str = "between";

/// The folder for what runs that did not come to their ends have left.
const UNFINISHED: &str = "unfinished";

/// Largest state that is read, in megabytes: that of 100,000 runs has some 50.
const LARGEST_STATE_MB: u64 = 512;

/// Why an experiment's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// It cannot be made, or another process has it.
    #[error(transparent)]
    Folder(#[from] ArtifactDirError),
    /// An earlier experiment is in it.
    #[error("use `{}` for this experiment: another one is in it", .0.display())]
    Taken(PathBuf),
    /// Another process works in it.
    #[error("go on in `{}`: another process works there{}", .dir.display(), in_brackets(.owner))]
    Busy {
        dir: PathBuf,
        /// Whose it is, if that is known.
        owner: String,
    },
    /// There is nothing to go on with.
    #[error("go on in `{}`: no experiment is in it", .0.display())]
    None(PathBuf),
    /// Its state is no state.
    #[error("read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A later version of prony has written it.
    #[error("read `{}`: it has format {format}, and this prony knows {FORMAT}", .path.display())]
    Newer { path: PathBuf, format: u32 },
    /// Something in it cannot be written.
    #[error("write `{}`", .path.display())]
    Write { dir: PathBuf, path: PathBuf, source: io::Error },
}

impl FolderError {
    /// Whether it is the user's to name another folder.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Taken(_) | Self::Busy { .. } | Self::None(_) | Self::Newer { .. })
    }
}

impl Explain for FolderError {
    fn hint(&self) -> String {
        match self {
            Self::Folder(error) => error.hint(),
            Self::Taken(dir) => {
                format!(
                    "`prony profile --resume {}` goes on with it; or choose another `--artifact-dir`",
                    dir.display()
                )
            }
            Self::Busy { .. } => "wait for its end".to_owned(),
            Self::None(_) => format!("name the folder that has `{STATE}` in it"),
            Self::Read { .. } => "begin a new experiment in another folder".to_owned(),
            Self::Newer { .. } => "use the prony that has begun it".to_owned(),
            Self::Write { dir, .. } => format!(
                "look at the space on that disk and at its permissions; `prony profile --resume {}` goes on then",
                dir.display()
            ),
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::Folder(error) if error.is_statement())
    }
}

/// Whether an experiment is in this folder.
pub(crate) fn is_experiment(dir: &Path) -> bool {
    dir.join(STATE).is_file()
}

/// A folder that is this process's, until this value goes.
#[derive(Debug)]
pub(crate) struct ExperimentFolder {
    dir: PathBuf,
    #[expect(dead_code, reason = "it is held, that is all")]
    lock: Lock,
    /// Held while the state is written. Whether the last state is written, and nothing else is to follow it.
    is_closed: Arc<Mutex<bool>>,
}

/// Who notes that the user ends an experiment, while another thread carries it out.
#[derive(Debug)]
pub(crate) struct InterruptNote {
    dir: PathBuf,
    is_closed: Arc<Mutex<bool>>,
}

impl InterruptNote {
    /// Notes it in the state on the disk. What the other thread wants to write from here on is not written: the process ends.
    ///
    /// # Errors
    /// The state cannot be read or written; the one before is still there.
    pub(crate) fn write(&self) -> Result<(), FolderError> {
        let mut is_closed = self.is_closed.lock().unwrap_or_else(PoisonError::into_inner);
        let state = read(&self.dir)?;
        // Its runs may be over already, and only the results be missing.
        if state.progress == Progress::Running {
            write_state(&self.dir, &State { progress: Progress::Interrupted, ..state })?;
        }
        *is_closed = true;
        Ok(())
    }
}

impl ExperimentFolder {
    /// Makes the folder that the user names.
    ///
    /// # Errors
    /// It has something in it, or cannot be made.
    pub(crate) fn named(dir: &Path) -> Result<Self, FolderError> {
        if is_experiment(dir) {
            return Err(FolderError::Taken(dir.to_owned()));
        }
        let Claimed { dir, lock, .. } = artifact_dir::claim(dir, false)?;
        Ok(Self::of(dir, lock))
    }

    /// Makes a new folder with this name behind the date, which is so long after 1970.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn dated(name: &Path, wall_ns: u64) -> Result<Self, FolderError> {
        let Claimed { dir, lock, .. } = artifact_dir::dated(name, wall_ns)?;
        Ok(Self::of(dir, lock))
    }

    /// Takes the folder of an experiment that is to go on, and reads its state.
    ///
    /// # Errors
    /// There is none, it cannot be read, or another process has it.
    pub(crate) fn resumed(dir: &Path) -> Result<(Self, State), FolderError> {
        if !is_experiment(dir) {
            return Err(FolderError::None(dir.to_owned()));
        }
        let folder = Self::entered(dir)?;
        let state = read(dir)?;
        Ok((folder, state))
    }

    /// Takes a folder that is there, without a state.
    ///
    /// # Errors
    /// Another process has it.
    pub(crate) fn entered(dir: &Path) -> Result<Self, FolderError> {
        let busy = |error| match error {
            ArtifactDirError::Busy { dir, owner } => FolderError::Busy { dir, owner },
            other => other.into(),
        };
        Ok(Self::of(dir.to_owned(), artifact_dir::enter(dir).map_err(busy)?))
    }

    fn of(dir: PathBuf, lock: Lock) -> Self {
        Self { dir, lock, is_closed: Arc::default() }
    }

    /// For another thread, which hears of interrupts.
    pub(crate) fn interrupt_note(&self) -> InterruptNote {
        InterruptNote { dir: self.dir.clone(), is_closed: Arc::clone(&self.is_closed) }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes the state. Anyone who reads the file meanwhile, or after a crash, finds the state before or this one.
    ///
    /// # Errors
    /// It cannot be written; the one before is still there.
    pub(super) fn save(&self, state: &State) -> Result<(), FolderError> {
        let is_closed = self.is_closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_closed { Ok(()) } else { write_state(&self.dir, state) }
    }

    /// Writes a file of the experiment, as a whole.
    ///
    /// # Errors
    /// It cannot be written; what was there stays.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        replace(&self.dir, name, bytes).map_err(|source| unwritten(&self.dir, name, source))
    }

    /// Writes a file that is made of what the folder has, as a whole.
    ///
    /// # Errors
    /// It cannot be made or written; what was there stays.
    pub(super) fn write_made(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<(), FolderError> {
        let written = make(&self.dir).and_then(|bytes| replace(&self.dir, name, &bytes));
        written.map_err(|source| unwritten(&self.dir, name, source))
    }

    /// Removes a file of the experiment, if it is there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(super) fn remove(&self, name: &str) -> Result<(), FolderError> {
        match fs::remove_file(self.dir.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(unwritten(&self.dir, name, error)),
            _ => Ok(()),
        }
    }

    /// Where the output of the command before the run with this place is kept.
    ///
    /// # Errors
    /// Its folder cannot be made.
    pub(super) fn output_of_between(&self, place: usize) -> Result<PathBuf, FolderError> {
        let dir = self.dir.join(BETWEEN);
        fs::create_dir_all(&dir).map_err(|source| unwritten(&self.dir, BETWEEN, source))?;
        Ok(dir.join(format!("before_run_{place}.txt")))
    }

    /// Makes room for a run: what an attempt that did not come to its end has left there is kept elsewhere.
    ///
    /// # Errors
    /// It cannot be moved.
    pub(super) fn make_room(&self, run: &Path) -> Result<(), FolderError> {
        let from = self.dir.join(run);
        if fs::symlink_metadata(&from).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Ok(());
        }
        let aside = self.dir.join(UNFINISHED);
        let parts = run.iter().skip(1).map(|part| part.to_string_lossy());
        let name = parts.collect::<Vec<_>>().join("-");
        let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
        let mut free = std::iter::once(name.clone()).chain(numbered).map(|name| aside.join(name));
        let to = free.find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| aside.join(&name));
        let moved = fs::create_dir_all(&aside).and_then(|()| fs::rename(&from, &to));
        moved.map_err(|source| FolderError::Write { dir: self.dir.clone(), path: from, source })
    }
}

fn write_state(dir: &Path, state: &State) -> Result<(), FolderError> {
    let text = serde_json::to_vec_pretty(state).map_err(io::Error::from);
    text.and_then(|text| replace(dir, STATE, &text)).map_err(|source| unwritten(dir, STATE, source))
}

/// By way of another file, which takes its place when it is on the disk.
fn replace(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::with_prefix_in(name, dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode)?;
    file.persist(dir.join(name)).map_err(|error| error.error)?;
    File::open(dir)?.sync_all()
}

fn unwritten(dir: &Path, name: &str, source: io::Error) -> FolderError {
    FolderError::Write { dir: dir.to_owned(), path: dir.join(name), source }
}

/// Reads the state in a folder.
///
/// # Errors
/// It is none, or one of a later version.
pub(super) fn read(dir: &Path) -> Result<State, FolderError> {
    /// The member that states of all versions have.
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
    }

    let path = dir.join(STATE);
    let unread = |source| FolderError::Read { path: path.clone(), source };
    let bytes = bounded::read(&path, LARGEST_STATE_MB).map_err(unread)?;
    let Version { format } = serde_json::from_slice(&bytes).map_err(|error| unread(error.into()))?;
    if format > FORMAT {
        return Err(FolderError::Newer { path, format });
    }
    serde_json::from_slice(&bytes).map_err(|error| unread(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::words::Words, experiment::design::tests::of};

    fn state() -> State {
        State::new(&Words::default(), &of(&["1", "2"], 2))
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e");
        let folder = ExperimentFolder::named(&path).unwrap();
        folder.save(&state()).unwrap();
        assert!(matches!(ExperimentFolder::resumed(&path), Err(FolderError::Busy { .. })));
        drop(folder);
        let (folder, read) = ExperimentFolder::resumed(&path).unwrap();
        assert_eq!((read.cells, read.runs_per_cell), (state().cells, 2));
        drop(folder);
        assert!(matches!(ExperimentFolder::named(&path), Err(FolderError::Taken(_))));
        let files: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, [STATE]);
    }

    #[test]
    fn an_interrupt_is_the_last_that_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e");
        let folder = ExperimentFolder::named(&path).unwrap();
        let note = folder.interrupt_note();
        assert!(note.write().is_err());
        folder.save(&state()).unwrap();
        note.write().unwrap();
        assert_eq!(read(&path).unwrap().progress, Progress::Interrupted);
        folder.save(&State { progress: Progress::Stopped, ..state() }).unwrap();
        assert_eq!(read(&path).unwrap().progress, Progress::Interrupted);
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(ExperimentFolder::resumed(dir.path()), Err(FolderError::None(_))));
        fs::write(dir.path().join(STATE), "{").unwrap();
        assert!(matches!(ExperimentFolder::resumed(dir.path()), Err(FolderError::Read { .. })));
        fs::write(dir.path().join(STATE), r#"{"format": 9, "new": true}"#).unwrap();
        let error = ExperimentFolder::resumed(dir.path()).unwrap_err();
        assert!(matches!(error, FolderError::Newer { format: 9, .. }) && error.is_usage());
    }

    #[test]
    fn a_half_run_is_kept_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e");
        let folder = ExperimentFolder::named(&path).unwrap();
        let run = Path::new("runs/isl_5/run_1");
        folder.make_room(run).unwrap();
        for expected in ["isl_5-run_1", "isl_5-run_1-2"] {
            fs::create_dir_all(path.join(run)).unwrap();
            fs::write(path.join(run).join("journal.prony"), "half").unwrap();
            folder.make_room(run).unwrap();
            assert!(!path.join(run).exists());
            assert!(path.join(UNFINISHED).join(expected).join("journal.prony").exists());
        }
    }
}
