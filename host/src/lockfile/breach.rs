//! [`Breach`]: something is not as the lock file has it. [`Difference`] says what.

use std::path::PathBuf;

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

/// What is not as the lock file has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Difference {
    /// It has another content.
    #[error("`{lock}` demands {expected} of the {what} `{name}`, and it is {found}")]
    Changed {
        /// The lock file.
        lock: PathBuf,
        /// What kind of thing it is.
        what: &'static str,
        name: String,
        /// What the lock file says.
        expected: Sum,
        /// What there is.
        found: Sum,
    },
    /// Nobody has locked it.
    #[error("`{lock}` has no {what} `{name}`, and this one is {found}")]
    Absent {
        /// The lock file.
        lock: PathBuf,
        /// What kind of thing it is.
        what: &'static str,
        name: String,
        /// What there is.
        found: Sum,
    },
    /// It is locked for other machines.
    #[error("`{lock}` has the {what} `{name}` for {known}, and not for {target}; this one is {found}")]
    OtherPlatform {
        /// The lock file.
        lock: PathBuf,
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
    #[error("`{lock}` demands {expected} of the {what} `{name}`, and it is not there")]
    Gone {
        /// The lock file.
        lock: PathBuf,
        /// What kind of thing it is.
        what: &'static str,
        name: String,
        /// What the lock file says.
        expected: Sum,
    },
}

impl Explain for Breach {
    fn hint(&self) -> String {
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
