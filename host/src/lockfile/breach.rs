//! [`Breach`]: something is not as the lock file has it. [`Difference`] says what, and [`LockName`] in which lock.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Sum;
use crate::explain::Explain;

/// Something is not as the lock file has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Breach(pub(super) Box<Difference>);

impl From<Difference> for Breach {
    fn from(difference: Difference) -> Self {
        Self(Box::new(difference))
    }
}

/// Who has locked something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Whose {
    /// A lock of this machine.
    Own,
    /// The controller of a run that this machine takes part in. Its file is on another machine.
    Controllers,
}

/// What a lock is called in texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LockName {
    path: PathBuf,
    whose: Whose,
}

impl LockName {
    pub(super) fn new(path: &Path, whose: Whose) -> Self {
        Self { path: path.to_owned(), whose }
    }
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whose {
            Whose::Own => write!(f, "`{}`", self.path.display()),
            Whose::Controllers => f.write_str("the lock of the controller"),
        }
    }
}

/// What is not as the lock file has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Difference {
    /// It has another content.
    #[error("{lock} demands {expected} of the {what} `{name}`, and it is {found}")]
    Changed {
        lock: LockName,
        /// What kind of thing it is.
        what: &'static str,
        name: String,
        /// What the lock file says.
        expected: Sum,
        /// What there is.
        found: Sum,
    },
    /// The lock has no entry for it.
    #[error("{lock} has no {what} `{name}`, and this one is {found}")]
    Absent {
        lock: LockName,
        /// What kind of thing it is.
        what: &'static str,
        name: String,
        /// What there is.
        found: Sum,
    },
    /// It is locked for other machines.
    #[error("{lock} has the {what} `{name}` for {known}, and not for {target}; this one is {found}")]
    OtherPlatform {
        lock: LockName,
        /// What kind of thing it is.
        what: &'static str,
        name: String,
        /// The platforms that it is locked for.
        known: String,
        /// This platform.
        target: String,
        /// What there is.
        found: Sum,
    },
    /// A part of it is not there.
    #[error("{lock} demands {expected} of the {what} `{name}`, and it is not there")]
    Gone {
        lock: LockName,
        /// What kind of thing it is.
        what: &'static str,
        name: String,
        /// What the lock file says.
        expected: Sum,
    },
}

impl Difference {
    /// The lock that it differs from.
    fn lock(&self) -> &LockName {
        match self {
            Self::Changed { lock, .. }
            | Self::Absent { lock, .. }
            | Self::OtherPlatform { lock, .. }
            | Self::Gone { lock, .. } => lock,
        }
    }

    /// What to do on a machine where the lock of a controller holds.
    fn hint_for_an_agent(&self) -> &'static str {
        match self {
            Self::Changed { .. } | Self::Gone { .. } => {
                "put the library that the controller has locked onto the agent's machine; if it was changed on purpose, lock it on the \
                 controller's machine"
            }
            Self::Absent { .. } | Self::OtherPlatform { .. } => {
                "copy the controller's lock file to the agent's machine, add the library to it there with `prony lock --output FILE`, and \
                 copy the file back"
            }
        }
    }
}

impl Explain for Breach {
    fn hint(&self) -> String {
        if self.0.lock().whose == Whose::Controllers {
            return self.0.hint_for_an_agent().to_owned();
        }
        match *self.0 {
            Difference::Changed { .. } | Difference::Gone { .. } => {
                "put back what was locked; if it was changed on purpose, `prony lock` locks what there is now"
            }
            Difference::Absent { .. } => {
                "`prony lock` adds plugins, with `--tokenizer NAME` a tokenizer, and with `--input-file FILE` a dataset"
            }
            Difference::OtherPlatform { .. } => {
                "`prony lock` on this machine adds its platform, and keeps the others"
            }
        }
        .to_owned()
    }
}
