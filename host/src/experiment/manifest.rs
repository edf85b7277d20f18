//! The manifest of a folder with several runs: its own files, and the manifests of the runs, which have theirs.

use super::folder::{ExperimentFolder, FolderError};
pub(super) use crate::report::manifest::OfSeveral as Made;
use crate::report::{file_names, manifest};

/// Writes it, as the last file. `runs` are the folders of the runs, below that one.
///
/// # Errors
/// A file cannot be read, or it cannot be written.
pub(super) fn write<'a>(
    made: &Made<'_>,
    own: &[&str],
    runs: impl Iterator<Item = &'a str>,
    folder: &ExperimentFolder,
) -> Result<(), FolderError> {
    let of_runs = runs.map(|run| format!("{run}/{}", file_names::MANIFEST));
    let names: Vec<String> = own.iter().map(|name| (*name).to_owned()).chain(of_runs).collect();
    folder.write_made(file_names::MANIFEST, |dir| manifest::of_several(made, dir, &names))
}
