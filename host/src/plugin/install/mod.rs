//! Puts packs into the user's plugin folder, takes them out, and exports them.
//!
//! A pack is checked, copied into a hidden folder beside its place with the hashes of its libraries in its manifest,
//! checked again there, and only then moved to where it is found. Whatever fails on the way leaves nothing behind.

mod archive;
mod error;
mod export;
mod folder;
mod oci;
mod pin;
mod source;
mod unpack;

use std::path::{Path, PathBuf};

pub(crate) use error::InstallError;
pub(crate) use export::{Exported, export};

use super::{
    discovery::DiscoveryOptions,
    entry::{Category, is_name},
    integrity::Digest,
    ladder::LibraryFacts,
    manifest::{FILE_NAME, Manifest},
    registry::Registry,
    validate::Finding,
};
use folder::{PackFolder, Scaffold};
use source::{Source, SourceLibrary, digest_of};

/// What is to be installed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// A pack's folder, a crate's folder, a manifest, an archive or an OCI layout.
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
    pub(crate) libraries: Vec<InstalledLibrary>,
    pub(crate) entries: Vec<(Category, String)>,
    /// It took the place of another one.
    pub(crate) replaced: bool,
    /// What is not as it should be.
    pub(crate) warnings: Vec<Finding>,
}

/// A library that was installed.
#[derive(Debug)]
pub(crate) struct InstalledLibrary {
    pub(crate) file_name: String,
    /// Where it was copied from.
    pub(crate) source: PathBuf,
    /// Of its whole file.
    pub(crate) digest: Digest,
    /// What it says that it uses, if it says it.
    pub(crate) capabilities: Option<Vec<String>>,
    /// Some of its types are services.
    pub(crate) has_services: bool,
}

impl From<SourceLibrary> for InstalledLibrary {
    fn from(SourceLibrary { file_name, place, checked }: SourceLibrary) -> Self {
        let LibraryFacts { descriptor, digest } = checked.facts;
        let has_services = !descriptor.services.is_empty();
        Self { file_name, source: place, digest, capabilities: descriptor.capabilities, has_services }
    }
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
    let libraries = source.libraries(&manifest)?;
    for library in &libraries {
        scaffold.write(&library.file_name, &library.checked.bytes, 0o755)?;
    }
    let text = pin::pinned(&text, &manifest, |class| digest_of(&libraries, class))
        .map_err(|problem| InstallError::Pin { manifest: source.manifest.clone(), problem })?;
    scaffold.write(FILE_NAME, text.as_bytes(), 0o644)?;
    scaffold.prove()?;
    scaffold.move_to(&place)?;
    Ok(Installed {
        name,
        manifest: place.path().join(FILE_NAME),
        entries: names(&manifest),
        libraries: libraries.into_iter().map(InstalledLibrary::from).collect(),
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
