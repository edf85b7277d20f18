//! The manifest of a library that is not installed. It is built elsewhere than its manifest stands: the manifest is looked for beside
//! it, then in the folders above it, as far as `target/release` is below a crate.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    entry::{Origin, Tier},
    manifest::{self, FILE_NAME, Manifest, ManifestError},
};

/// Folders that are looked through: the library's own, and those above it.
const FOLDERS: usize = 6;

/// What was found near a library.
#[derive(Debug, Default)]
pub(super) struct Nearest {
    /// The manifest, and its file.
    pub(super) found: Option<(PathBuf, Manifest)>,
    /// Why nearer ones could not be read. They may be of somebody else.
    pub(super) passed_over: Vec<ManifestError>,
}

/// Looks for the nearest manifest that names the library, as far as `names_it` can tell.
pub(super) fn nearest(library: &Path, names_it: impl Fn(&Manifest) -> bool) -> Nearest {
    let library = library.canonicalize().unwrap_or_else(|_| library.to_owned());
    let mut nearest = Nearest::default();
    for folder in library.ancestors().skip(1).take(FOLDERS) {
        let file = folder.join(FILE_NAME);
        if !file.exists() {
            continue;
        }
        match read(&file) {
            Ok(manifest) if names_it(&manifest) => {
                nearest.found = Some((file, manifest));
                break;
            }
            Ok(_) => {}
            Err(error) => nearest.passed_over.push(error),
        }
    }
    nearest
}

/// Reads the manifest of a library that is not installed.
///
/// # Errors
/// The manifest cannot be read.
pub(super) fn read(file: &Path) -> Result<Manifest, ManifestError> {
    let origin = Origin { manifest: file.to_owned(), tier: Tier::CommandLine };
    manifest::read(&Arc::new(origin))
}
