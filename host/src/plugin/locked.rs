//! The lock of a command: [`LockChoice`] says where its file is, or, once that was read, what stands in it. A child process is sent
//! what its parent has read, whatever becomes of the file. [`Locks`] are all that hold for libraries.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use prony_plugin_api::version::TARGET;
use serde::{Deserialize, Serialize};

use super::{entry::Class, ladder::LibraryFacts, trust::Trust};
use crate::{
    config::variables,
    explain::Explain,
    lockfile::{Breach, FILE_NAME, Lockfile, LockfileError},
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
            Self::Read(lock) => Ok(Some(Arc::clone(lock))),
        }
    }

    /// What was read, for a process that is to find the same.
    pub(super) fn of_content(read: Option<&Arc<Lockfile>>) -> Self {
        read.map_or(Self::None, |lock| Self::Read(Arc::clone(lock)))
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

/// The locks that hold for libraries. A library must be in each that there is.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks {
    /// That of this machine. Its owner has written it, so that a library which is in it counts as pinned.
    pub(super) own: Option<Arc<Lockfile>>,
    /// That of the controller of a run. It forbids libraries, and allows none that this machine would not take without it.
    pub(super) controllers: Option<Arc<Lockfile>>,
}

impl Locks {
    /// Checks a library.
    ///
    /// # Errors
    /// One of the locks has another one, or none.
    pub(super) fn check(&self, class: &Class, facts: &LibraryFacts) -> Result<(), Breach> {
        let mut all = [&self.own, &self.controllers].into_iter().flatten();
        all.try_for_each(|lock| lock.check_library(&class.library, TARGET, &facts.digest.sum()))
    }

    /// Whether anything is locked.
    pub(super) fn are_there(&self) -> bool {
        self.own.is_some() || self.controllers.is_some()
    }
}

/// Anyone who can write to the lock file decides whose code runs, so that the rule of manifests holds for it, too.
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
        assert_eq!(LockChoice::of_content(read.as_ref()), sent);
        assert_eq!(LockChoice::of_content(None), LockChoice::None);
    }
}
