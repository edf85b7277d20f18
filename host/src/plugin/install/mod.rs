//! Puts packs into the user's plugin folder, and takes them out.
//!
//! A pack is checked, copied into a hidden folder beside its place with the hashes of its libraries in its manifest,
//! checked again there, and only then moved to where it is found. Whatever fails on the way leaves nothing behind.

mod error;
mod folder;
mod pin;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(crate) use error::InstallError;

use super::{
    discovery::DiscoveryOptions,
    entry::{Category, Class, Entry, Origin, Tier, is_name},
    integrity::Digest,
    ladder,
    libraries::find_in,
    manifest::{self, FILE_NAME, Manifest},
    registry::Registry,
    trust::Trust,
    validate::{self, Finding, Severity},
};
use folder::{PackFolder, PackageFolder, Scaffold, io_error};

/// What is to be installed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// A pack's folder, a crate's folder, or a manifest.
    pub(crate) path: &'a Path,
    /// The pack's name; the folder's without one.
    pub(crate) name: Option<&'a str>,
    /// Replace an installed pack of that name.
    pub(crate) replace: bool,
}

/// A pack that was installed.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) name: String,
    /// Its manifest, in the user's plugin folder.
    pub(crate) manifest: PathBuf,
    /// Its libraries.
    pub(crate) libraries: Vec<InstalledLibrary>,
    /// Its entries.
    pub(crate) entries: Vec<(Category, String)>,
    /// It took the place of another one.
    pub(crate) replaced: bool,
    /// What is not as it should be.
    pub(crate) warnings: Vec<Finding>,
}

/// A library that was installed.
#[derive(Debug)]
pub(crate) struct InstalledLibrary {
    /// Name of its file.
    pub(crate) file_name: String,
    /// Where it was copied from.
    pub(crate) source: PathBuf,
    /// Of its whole file.
    pub(crate) digest: Digest,
}

/// Installs a pack beside those of `registry`.
///
/// # Errors
/// It would not load, its place is taken, one of its names would be disputed, or the system does not let us write there.
/// Then nothing has changed.
pub(crate) fn add(
    request: Request<'_>,
    options: &DiscoveryOptions,
    registry: &Registry,
) -> Result<Installed, InstallError> {
    let source = Source::of(request.path)?;
    let name = source.pack_name(request.name)?;
    let packs = PackFolder::of(options)?;
    let warnings = source.check()?;
    let place = packs.place(&name)?;
    let replaced = place.is_taken()?;
    if replaced && !request.replace {
        return Err(InstallError::Exists { name, folder: place.path().to_owned() });
    }
    let (text, manifest) = source.read()?;
    source.refuse_conflicts(&manifest, &place, registry)?;
    packs.create()?;
    let scaffold = Scaffold::beside(&place)?;
    let libraries = copy_libraries(&source, &manifest, &scaffold)?;
    let text = pin::pinned(&text, &manifest, |class| digest_of(&libraries, class))
        .map_err(|problem| InstallError::Pin { manifest: source.manifest.clone(), problem })?;
    scaffold.write(FILE_NAME, text.as_bytes(), 0o644)?;
    scaffold.prove()?;
    scaffold.move_to(&place)?;
    Ok(Installed {
        name,
        manifest: place.path().join(FILE_NAME),
        entries: names(&manifest),
        libraries: libraries.into_values().collect(),
        replaced,
        warnings,
    })
}

/// Takes a pack out. Returns the folder that is gone.
///
/// # Errors
/// There is none of this name, or the system does not let us. Then nothing has changed.
pub(crate) fn remove(name: &str, options: &DiscoveryOptions) -> Result<PathBuf, InstallError> {
    let packs = PackFolder::of(options)?;
    let unknown = || InstallError::Unknown { name: name.to_owned(), known: packs.names() };
    if !is_name(name) {
        return Err(unknown());
    }
    let place = packs.place(name)?;
    if !place.is_taken()? {
        return Err(unknown());
    }
    if !place.path().join(FILE_NAME).exists() {
        return Err(InstallError::NotAPack { folder: place.path().to_owned() });
    }
    place.clear()?;
    Ok(place.path().to_owned())
}

fn names(manifest: &Manifest) -> Vec<(Category, String)> {
    let endpoints = manifest.endpoints.iter().map(|entry| (Category::Endpoint, entry.name.clone()));
    let services = manifest.services.iter().map(|entry| (Category::Service, entry.name.clone()));
    endpoints.chain(services).collect()
}

/// What is installed from.
#[derive(Debug)]
struct Source {
    manifest: PathBuf,
    /// Where its libraries may be, in the order of the search.
    folders: Vec<PathBuf>,
}

impl Source {
    fn of(path: &Path) -> Result<Self, InstallError> {
        let missing = || InstallError::NoManifest { path: path.to_owned() };
        let manifest = validate::manifest_of(path).canonicalize().map_err(|_| missing())?;
        if manifest::is_library(&manifest) {
            return Err(missing());
        }
        let folders = validate::built_folders(&manifest);
        Ok(Self { manifest, folders })
    }

    fn pack_name(&self, wanted: Option<&str>) -> Result<String, InstallError> {
        let folder = self.folders.first().and_then(|folder| folder.file_name());
        let own = folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = wanted.map_or(own, str::to_owned);
        if is_name(&name) { Ok(name) } else { Err(InstallError::Name { name }) }
    }

    /// Refuses what would not load. What it has of lesser faults is returned, but those that installing mends.
    fn check(&self) -> Result<Vec<Finding>, InstallError> {
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
    fn refuse_conflicts(
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

    fn read(&self) -> Result<(String, Manifest), InstallError> {
        let text = fs::read_to_string(&self.manifest).map_err(io_error("read", &self.manifest))?;
        let origin = Arc::new(Origin { manifest: self.manifest.clone(), tier: Tier::CommandLine });
        let manifest = manifest::of_text(&text, &origin).map_err(|_| InstallError::Changed)?;
        Ok((text, manifest))
    }
}

type Libraries = BTreeMap<String, InstalledLibrary>;

/// Copies every library once: the bytes that pass the ladder are the bytes that are written.
fn copy_libraries(source: &Source, manifest: &Manifest, to: &Scaffold) -> Result<Libraries, InstallError> {
    let mut libraries = Libraries::new();
    let classes = manifest.endpoints.iter().map(|Entry { class, .. }| class);
    for class in classes.chain(manifest.services.iter().map(|Entry { class, .. }| class)) {
        let file_name = class.file_name();
        if libraries.contains_key(&file_name) {
            continue;
        }
        let checked = find_in(class, &source.folders)
            .and_then(|library| Ok((ladder::check(&library, &Trust::of_this_process())?, library)));
        let (checked, library) = checked.map_err(|_| InstallError::Changed)?;
        to.write(&file_name, &checked.bytes, 0o755)?;
        let digest = checked.facts.digest;
        libraries.insert(file_name.clone(), InstalledLibrary { file_name, source: library, digest });
    }
    Ok(libraries)
}

fn digest_of(libraries: &Libraries, class: &Class) -> Option<Digest> {
    libraries.get(&class.file_name()).map(|library| library.digest)
}
