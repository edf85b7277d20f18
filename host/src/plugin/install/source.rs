//! What a pack is installed or exported from: a folder, a crate, a manifest, an archive or a layout.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    InstallError,
    folder::{PackageFolder, io_error},
    unpack::Unpacked,
};
use crate::plugin::{
    entry::{Category, Class, Entry, Origin, Tier, is_name},
    integrity::Digest,
    ladder::{self, Checked},
    libraries::find_in,
    manifest::{self, FILE_NAME, Manifest},
    registry::Registry,
    trust::Trust,
    validate::{self, Finding, Severity},
};

/// What is installed from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) manifest: PathBuf,
    /// Where its libraries may be, in the order of the search.
    folders: Vec<PathBuf>,
    /// What it was unpacked from, and where to.
    unpacked: Option<(PathBuf, Unpacked)>,
}

/// A library that may be installed.
#[derive(Debug)]
pub(super) struct SourceLibrary {
    pub(super) file_name: String,
    /// Where it is: its file, or the archive with it.
    pub(super) place: PathBuf,
    pub(super) checked: Checked,
}

impl Source {
    /// A folder, a manifest, an archive or a layout.
    ///
    /// # Errors
    /// There is nothing of the kind.
    pub(super) fn of(path: &Path) -> Result<Self, InstallError> {
        let missing = || InstallError::NoManifest { path: path.to_owned() };
        let unpacked = Unpacked::of(path);
        let unpacked = unpacked.map_err(|problem| InstallError::Unpack { path: path.to_owned(), problem })?;
        let root = unpacked.as_ref().map_or(path, Unpacked::root);
        let manifest = validate::manifest_of(root).canonicalize().map_err(|_| missing())?;
        if manifest::is_library(&manifest) {
            return Err(missing());
        }
        let folders = validate::built_folders(&manifest);
        let unpacked = unpacked.map(|unpacked| (path.to_owned(), unpacked));
        Ok(Self { manifest, folders, unpacked })
    }

    /// What the pack is called, if not otherwise wanted.
    pub(super) fn pack_name(&self, wanted: Option<&str>) -> Result<String, InstallError> {
        let folder = self.folders.first().and_then(|folder| folder.file_name());
        let folder = folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let own = self.unpacked.as_ref().map_or(folder, |(_, unpacked)| unpacked.name.clone());
        let name = wanted.map_or(own, str::to_owned);
        if is_name(&name) { Ok(name) } else { Err(InstallError::Name { name }) }
    }

    /// Refuses what would not load. What it has of lesser faults is returned, but those that installing mends.
    pub(super) fn check(&self) -> Result<Vec<Finding>, InstallError> {
        let mut validation = validate::validate_one(&self.manifest, &self.folders);
        if validation.count(Severity::Error) > 0 {
            return Err(InstallError::Refused {
                path: self.manifest.clone(),
                validation: Box::new(validation),
            });
        }
        Ok(std::mem::take(&mut validation.findings))
    }

    /// Refuses a pack that would put an installed one out of use, and itself with it.
    pub(super) fn refuse_conflicts(
        &self,
        manifest: &Manifest,
        place: &PackageFolder,
        registry: &Registry,
    ) -> Result<(), InstallError> {
        let replaced = place.path().join(FILE_NAME).canonicalize().ok();
        let endpoints = manifest.endpoints.iter().map(|it| (Category::Endpoint, &it.name, it.priority));
        let services = manifest.services.iter().map(|it| (Category::Service, &it.name, it.priority));
        for (category, name, priority) in endpoints.chain(services) {
            let listed = registry.describe(category, name);
            let others = listed.iter().flat_map(|listed| &listed.entries);
            let mut others = others.map(|other| (other.priority, &other.origin));
            let first = others.find(|(_, origin)| Some(&origin.manifest) != replaced.as_ref());
            if let Some((rank, origin)) = first
                && (rank, origin.tier != Tier::BuiltIn) == (priority, true)
            {
                let (own, other) = (self.manifest.clone(), origin.manifest.clone());
                return Err(InstallError::Conflict { category, name: name.clone(), priority, own, other });
            }
        }
        Ok(())
    }

    /// Its manifest, as it is written and as it is meant.
    pub(super) fn read(&self) -> Result<(String, Manifest), InstallError> {
        let text = fs::read_to_string(&self.manifest).map_err(io_error("read", &self.manifest))?;
        let origin = Arc::new(Origin { manifest: self.manifest.clone(), tier: Tier::CommandLine });
        let manifest = manifest::of_text(&text, &origin).map_err(|_| InstallError::Changed)?;
        Ok((text, manifest))
    }

    /// Reads every library once: the bytes that pass the ladder are those that are used.
    pub(super) fn libraries(&self, manifest: &Manifest) -> Result<Vec<SourceLibrary>, InstallError> {
        let mut libraries: Vec<SourceLibrary> = Vec::new();
        let classes = manifest.endpoints.iter().map(|Entry { class, .. }| class);
        for class in classes.chain(manifest.services.iter().map(|Entry { class, .. }| class)) {
            let file_name = class.file_name();
            if libraries.iter().any(|known| known.file_name == file_name) {
                continue;
            }
            let checked = find_in(class, &self.folders)
                .and_then(|library| Ok((ladder::check(&library, &Trust::of_this_process())?, library)));
            let (checked, library) = checked.map_err(|_| InstallError::Changed)?;
            let place = self.unpacked.as_ref().map_or(library, |(archive, _)| archive.clone());
            libraries.push(SourceLibrary { file_name, place, checked });
        }
        Ok(libraries)
    }
}

/// The hash of the library of a class, if it is among these.
pub(super) fn digest_of(libraries: &[SourceLibrary], class: &Class) -> Option<Digest> {
    let library = libraries.iter().find(|library| library.file_name == class.file_name());
    library.map(|library| library.checked.facts.digest)
}
