//! Paths in a journal: those that are not UTF-8 are written as well as can be, with U+FFFD.

use std::path::{Path, PathBuf};

use serde::Serializer;

/// Writes a path.
pub(crate) fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Writes a path that may be absent.
#[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
pub(crate) fn optional<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path.as_deref().map(Path::to_string_lossy) {
        Some(path) => serializer.serialize_some(&path),
        None => serializer.serialize_none(),
    }
}
