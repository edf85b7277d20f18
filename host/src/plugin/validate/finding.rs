//! What a check tells.

use std::path::PathBuf;

use serde::Serialize;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Something does not work.
    Error,
    /// Something works, and probably not as it was meant.
    Warning,
}

/// Something that is wrong with a manifest or a library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The manifest, or a folder of the search path.
    pub(crate) file: PathBuf,
    /// Where in it, from 1; nothing when it is about the whole.
    pub(crate) line: Option<usize>,
    /// How grave it is.
    pub(crate) severity: Severity,
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) hint: String,
}
