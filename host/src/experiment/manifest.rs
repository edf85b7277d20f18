//! The manifest of a folder with several runs: its own files, and where the runs have their manifests.

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
    let runs: Vec<&str> = runs.collect();
    folder.write_made(file_names::MANIFEST, |dir| manifest::of_several(made, dir, own, &runs))
}

/// Removes it, since what it lists is about to change. So a folder has none while its runs go on, nor after a kill.
///
/// # Errors
/// It is there and cannot be removed.
pub(super) fn withdraw(folder: &ExperimentFolder) -> Result<(), FolderError> {
    folder.remove(file_names::MANIFEST)
}
