//! The lock of a command: [`LockChoice`] says where its file is, or, once that was read, what stands in it. A child process is sent
//! what its parent has read, whatever becomes of the file.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::trust::Trust;
use crate::{
    config::variables,
    explain::Explain,
    lockfile::{FILE_NAME, Lockfile, LockfileError},
};

/// The variable of a switch: the lock file of the working directory holds.
const SWITCH: &str = "PRONY_LOCKED";

/// The variable that names a lock file.
const FILE: &str = "PRONY_LOCK";

/// Whether what is opened must be locked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LockChoice {
    /// It need not.
    #[default]
    None,
    /// It must, in this file.
    At(PathBuf),
    /// It must, and this is what the file said when it was read.
    Read(Arc<Lockfile>),
    /// Libraries must, in the lock of a controller, which has checked all other files of the run before it sent them.
    OfController(Arc<Lockfile>),
}

impl LockChoice {
    /// What flags say: the switch, and the file that they name.
    pub(crate) fn of(is_locked: bool, file: Option<&Path>) -> Self {
        match file {
            Some(file) => Self::At(file.to_owned()),
            None if is_locked => Self::At(FILE_NAME.into()),
            None => Self::None,
        }
    }

    /// What the environment says. A switch that says neither yes nor no is on: it is a rule.
    pub(super) fn from_env() -> Self {
        let value = |name: &str| env::var_os(name).filter(|text| !text.is_empty());
        let is_on = |text: &std::ffi::OsString| variables::is_on(&text.to_string_lossy()) != Some(false);
        Self::of(value(SWITCH).as_ref().is_some_and(is_on), value(FILE).map(PathBuf::from).as_deref())
    }

    /// What is locked, read where nobody has done it.
    pub(super) fn read(&self) -> Result<Option<Arc<Lockfile>>, LockfileError> {
        match self {
            Self::None => Ok(None),
            Self::At(file) => Ok(Some(Arc::new(Self::read_file(file)?))),
            Self::Read(lock) | Self::OfController(lock) => Ok(Some(Arc::clone(lock))),
        }
    }

    /// The same for a process that is to find the same, with what was read of it.
    pub(super) fn with_content(&self, read: Option<&Arc<Lockfile>>) -> Self {
        match (self, read) {
            (_, None) => Self::None,
            (Self::OfController(_), Some(lock)) => Self::OfController(Arc::clone(lock)),
            (_, Some(lock)) => Self::Read(Arc::clone(lock)),
        }
    }

    /// Whether somebody on this machine has decided it: for all files, and so that a library counts as pinned.
    pub(super) fn is_of_this_machine(&self) -> bool {
        !matches!(self, Self::OfController(_))
    }

    /// What a file locks, if nobody else can change it: what is read here may be written back.
    ///
    /// # Errors
    /// Others can change it, or it is not there, cannot be read, or is no lock.
    pub(crate) fn read_file(file: &Path) -> Result<Lockfile, LockfileError> {
        check_trust(file)?;
        Lockfile::read(file)
    }
}

/// Whoever can write to the lock file decides whose code runs, so that the rule of manifests holds for it, too.
fn check_trust(file: &Path) -> Result<(), LockfileError> {
    Trust::of_this_process().check_rules(file).map_err(|fault| LockfileError::Untrusted {
        path: file.to_owned(),
        fault: fault.to_string(),
        hint: fault.hint(),
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_file_that_is_named_goes_before_the_one_of_the_working_directory() {
        assert_eq!(LockChoice::of(false, None), LockChoice::None);
        assert_eq!(LockChoice::of(true, None), LockChoice::At("prony.lock".into()));
        for is_locked in [false, true] {
            assert_eq!(LockChoice::of(is_locked, Some(Path::new("a"))), LockChoice::At("a".into()));
        }
    }

    #[test]
    fn a_lock_that_everyone_can_change_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prony.lock");
        Lockfile::empty(&file).write().unwrap();
        let choice = LockChoice::At(file.clone());
        let read = choice.read().unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(choice.read(), Err(LockfileError::Untrusted { .. })));
        let sent = LockChoice::Read(read.clone().unwrap());
        assert_eq!(sent.read().unwrap(), read);
        assert_eq!(choice.with_content(read.as_ref()), sent);
        let of_controller = LockChoice::OfController(read.clone().unwrap());
        assert_eq!(of_controller.with_content(read.as_ref()), of_controller);
    }
}
