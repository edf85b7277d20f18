//! `prony.lock`: which plugins, tokenizers and datasets may be opened, each by the SHA-256 of its files.
//!
//! The noun is the [`Lockfile`]. It knows neither how libraries are opened nor how datasets are read: those who read them say what
//! they have read, and it says whether that is what was locked. Read in this order: `sum`, `breach`, `change`, `named`, `content`,
//! `file`.

mod breach;
mod change;
mod content;
mod file;
mod named;
mod sum;

pub(crate) use self::{
    breach::Breach,
    change::Change,
    content::{FileKind, LockedLibrary, Lockfile},
    file::LockfileError,
    named::OF_A_SESSION,
    sum::{FileSum, Files, Sum},
};

/// Name of the file where none is named.
pub(crate) const FILE_NAME: &str = "prony.lock";
