//! What is installed from, where that is no folder: an archive, or an OCI layout on the disk. It is unpacked into a temporary folder
//! of ours, and nothing of it is written anywhere else.

use std::{
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{
    archive::{self, Allowance, UnpackProblem},
    oci,
};
use crate::plugin::{manifest::FILE_NAME, trust::Trust};

/// How archives are called.
const ENDS: [&str; 3] = [".tar.gz", ".tgz", ".tar"];

/// What was unpacked. It goes with this value.
#[derive(Debug)]
pub(super) struct Unpacked {
    #[expect(dead_code, reason = "it is held, that is all")]
    folder: TempDir,
    /// The plugin package in it.
    root: PathBuf,
    /// What the package is called.
    pub(super) name: String,
}

impl Unpacked {
    /// Unpacks what is there, if it is an archive or a layout.
    ///
    /// # Errors
    /// It is one, and cannot be unpacked.
    pub(super) fn of(path: &Path) -> Result<Option<Self>, UnpackProblem> {
        let name = file_name(path);
        let end = ENDS.iter().find(|end| name.ends_with(**end));
        let (folder, name) = match end {
            Some(end) if path.is_file() => {
                let folder = tempfile::tempdir().map_err(UnpackProblem::Unwritten)?;
                check_trust(path)?;
                unpack_file(path, folder.path())?;
                (folder, name.trim_end_matches(*end).to_owned())
            }
            _ if oci::is_layout(path) => {
                let folder = tempfile::tempdir().map_err(UnpackProblem::Unwritten)?;
                check_trust(&path.join(oci::INDEX))?;
                oci::unpack_image(path, folder.path())?;
                (folder, name)
            }
            _ => return Ok(None),
        };
        let root = package_in(folder.path()).ok_or(UnpackProblem::NoManifest)?;
        // The folder in an archive has the name of the package; that of the archive may have a version in it.
        let name = if root == folder.path() { name } else { file_name(&root) };
        Ok(Some(Self { folder, root, name }))
    }

    /// The folder of the package.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

fn file_name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Anyone who can change it decides whose code is installed.
fn check_trust(file: &Path) -> Result<(), UnpackProblem> {
    Trust::of_this_process().check_rules(file).map_err(|fault| UnpackProblem::Untrusted(Box::new(fault)))
}

/// The folder of a plugin package: this one, or the only one in it.
fn package_in(folder: &Path) -> Option<PathBuf> {
    if folder.join(FILE_NAME).is_file() {
        return Some(folder.to_owned());
    }
    let entries: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    match &entries[..] {
        [only] if only.join(FILE_NAME).is_file() => Some(only.clone()),
        _ => None,
    }
}

fn unpack_file(file: &Path, into: &Path) -> Result<(), UnpackProblem> {
    let file = File::open(file).map_err(UnpackProblem::Io)?;
    archive::unpack(BufReader::new(file), into, &mut Allowance::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_at_the_top_or_in_the_only_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert_eq!(package_in(folder.path()), None);
        fs::create_dir(path("acme")).unwrap();
        fs::write(path("acme/plugins.yaml"), "").unwrap();
        assert_eq!(package_in(folder.path()), Some(path("acme")));
        fs::create_dir(path("other")).unwrap();
        assert_eq!(package_in(folder.path()), None);
        fs::write(path("plugins.yaml"), "").unwrap();
        assert_eq!(package_in(folder.path()), Some(folder.path().to_owned()));
    }

    #[test]
    fn a_folder_and_a_manifest_are_nothing_to_unpack() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plugins.yaml"), "").unwrap();
        assert!(Unpacked::of(folder.path()).unwrap().is_none());
        assert!(Unpacked::of(&folder.path().join("plugins.yaml")).unwrap().is_none());
        assert!(Unpacked::of(&folder.path().join("none.tar.gz")).unwrap().is_none());
    }
}
