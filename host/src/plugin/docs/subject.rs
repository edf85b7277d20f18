//! What a page is about: one type that a library exports, and what a manifest says of it. Read from files, without running any code
//! of the library.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use prony_plugin_api::descriptor::{Descriptor, Exported};

use super::{
    super::{
        entry::{Category, Class, EndpointEntry, Entry, Isolation, ServiceEntry},
        error::PluginError,
        fault::Fault,
        integrity::Digest,
        ladder::{self, LibraryFacts},
        manifest::{Manifest, ManifestError},
        nearest::{nearest, read},
        registry::Registry,
        trust::Trust,
    },
    facts::Metadata,
};
use crate::explain::Explain;

/// One type that a library exports.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    category: Category,
    library: PathBuf,
    descriptor: Descriptor,
    exported: Exported,
    declared: Option<Declaration>,
    digest: Digest,
    /// A manifest or a lock demands this digest.
    is_pinned: bool,
}

/// What a manifest says of it.
#[derive(Clone, Debug)]
struct Declaration {
    name: String,
    description: String,
    isolation: Isolation,
    metadata: Metadata,
}

/// Why there is nothing to be said of a library.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LibraryError {
    /// It cannot be used.
    #[error("read the library `{}`", .library.display())]
    Unusable {
        /// Its file.
        library: PathBuf,
        /// The first thing that is wrong with it.
        #[source]
        fault: Fault,
    },
    /// The manifest that the user named cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The manifest that the user named is one of other libraries.
    #[error("find the library `{}` in the manifest `{}`", .library.display(), .manifest.display())]
    NotNamed {
        /// The library's file.
        library: PathBuf,
        /// The manifest's.
        manifest: PathBuf,
    },
    /// There is nothing in it.
    #[error("describe the library `{}`: it exports neither an endpoint nor a service", .0.display())]
    Empty(PathBuf),
}

impl LibraryError {
    /// Whether the library is at fault, and not what the user typed.
    pub(crate) fn is_of_plugin(&self) -> bool {
        match self {
            // Anyone who names a file that is not there has mistyped it.
            Self::Unusable { library, .. } => library.exists(),
            Self::Empty(_) => true,
            Self::Manifest(_) | Self::NotNamed { .. } => false,
        }
    }
}

impl Explain for LibraryError {
    fn hint(&self) -> String {
        match self {
            Self::Unusable { library, .. } if !library.exists() => {
                "name a library that is there, such as `target/release/libacme_chat.so`, or an endpoint or a service".to_owned()
            }
            Self::Unusable { fault, .. } => fault.hint(),
            Self::Manifest(error) => error.hint(),
            Self::NotNamed { .. } => {
                "name the manifest that has this library in a `class`, or leave out `--manifest`".to_owned()
            }
            Self::Empty(_) => "ask its author: `export_plugin!` names what a library has".to_owned(),
        }
    }
}

impl Declaration {
    fn of_endpoint(entry: &EndpointEntry) -> Self {
        Self::new(entry, Metadata::Endpoint(entry.metadata.clone()))
    }

    fn of_service(entry: &ServiceEntry) -> Self {
        Self::new(entry, Metadata::Service(entry.metadata.clone()))
    }

    fn new<M>(entry: &Entry<M>, metadata: Metadata) -> Self {
        Self {
            name: entry.name.clone(),
            description: entry.description.clone(),
            isolation: entry.isolation,
            metadata,
        }
    }
}

impl Subject {
    /// That of this name, in any spelling.
    ///
    /// # Errors
    /// There is none, or its library cannot be used or is not the one that is locked.
    pub(crate) fn named(registry: &Registry, category: Category, name: &str) -> Result<Self, PluginError> {
        let library = library_of(registry, category, name)?;
        match category {
            Category::Endpoint => {
                let entry = registry.endpoint(name)?;
                Self::declared(registry, category, &entry, library?, Declaration::of_endpoint(&entry))
            }
            Category::Service => {
                let entry = registry.service(name)?;
                Self::declared(registry, category, &entry, library?, Declaration::of_service(&entry))
            }
        }
    }

    /// That of an entry and its library.
    fn declared<M>(
        registry: &Registry,
        category: Category,
        entry: &Entry<M>,
        library: PathBuf,
        declared: Declaration,
    ) -> Result<Self, PluginError> {
        let checked = ladder::check(&library, &Trust::of_this_process());
        let sound = checked.and_then(|checked| {
            checked.facts.check_entry(category, entry)?;
            registry.lock().libraries.check_locked(&entry.class, &checked.facts)?;
            let LibraryFacts { descriptor, digest } = checked.facts;
            let exported = ladder::exports(&descriptor, category, &entry.class.type_name)?.clone();
            Ok((descriptor, exported, digest))
        });
        let is_pinned = entry.integrity.is_some() || registry.locked().is_some();
        match sound {
            Ok((descriptor, exported, digest)) => Ok(Self {
                category,
                library,
                descriptor,
                exported,
                declared: Some(declared),
                digest,
                is_pinned,
            }),
            Err(fault) => Err(at_fault(category, &entry.name, library, fault)),
        }
    }

    /// What it is called: by its manifest, or else by its library.
    pub(crate) fn name(&self) -> &str {
        self.declared.as_ref().map_or(self.type_name(), |declared| &declared.name)
    }

    /// What kind of thing it is.
    pub(crate) fn category(&self) -> Category {
        self.category
    }

    /// One sentence of its manifest.
    pub(crate) fn description(&self) -> Option<&str> {
        self.declared.as_ref().map(|declared| declared.description.as_str())
    }

    /// Whether it is one.
    pub(super) fn is_service(&self) -> bool {
        self.category == Category::Service
    }

    /// Whether a manifest names it: nothing else can be used in a run.
    pub(super) fn is_declared(&self) -> bool {
        self.declared.is_some()
    }

    /// Whether it wants a process of its own.
    pub(super) fn is_isolated(&self) -> bool {
        self.declared.as_ref().is_some_and(|declared| declared.isolation == Isolation::Process)
    }

    pub(super) fn metadata(&self) -> Option<&Metadata> {
        self.declared.as_ref().map(|declared| &declared.metadata)
    }

    pub(super) fn type_name(&self) -> &str {
        &self.exported.type_name
    }

    pub(super) fn library(&self) -> &Path {
        &self.library
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    pub(super) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    pub(super) fn exported(&self) -> &Exported {
        &self.exported
    }
}

/// Where the library of the entry that is used for a name should be, and if it is not there, why.
fn library_of(
    registry: &Registry,
    category: Category,
    name: &str,
) -> Result<Result<PathBuf, PluginError>, PluginError> {
    let listed = registry.describe(category, name)?;
    let Some(winner) = listed.entries.into_iter().next() else {
        return Err(PluginError::UnknownName { category, name: name.to_owned(), known: Vec::new() });
    };
    let expected = winner.origin.manifest.with_file_name(winner.class.file_name());
    Ok(winner.library.map_err(|fault| at_fault(category, &listed.name, expected, fault)))
}

fn at_fault(category: Category, name: &str, library: PathBuf, fault: Fault) -> PluginError {
    PluginError::Load { category, name: name.to_owned(), library, fault: Arc::new(fault) }
}

/// All that a library exports: its endpoints and services, each as often as its manifest has a name for it, or once. Without a
/// `named` manifest it is the nearest one, beside the library or in a folder above it, that names the library.
///
/// # Errors
/// The library cannot be used or exports nothing, or the manifest that was named cannot be read, or does not name the library.
pub(crate) fn of_library(library: &Path, named: Option<&Path>) -> Result<Vec<Subject>, LibraryError> {
    let checked = ladder::check(library, &Trust::of_this_process());
    let checked = checked.map_err(|fault| LibraryError::Unusable { library: library.to_owned(), fault })?;
    let LibraryFacts { descriptor, digest } = checked.facts;
    let manifest = manifest_of(library, named)?;
    let subject = |category, exported: &Exported, declared| Subject {
        category,
        library: library.to_owned(),
        descriptor: descriptor.clone(),
        exported: exported.clone(),
        declared,
        digest,
        is_pinned: false,
    };
    let mut subjects = Vec::new();
    for exported in &descriptor.endpoints {
        let own = manifest.endpoints.iter().filter(|entry| is_of(&entry.class, library, exported));
        let own: Vec<Declaration> = own.map(Declaration::of_endpoint).collect();
        subjects.extend(each(own).map(|declared| subject(Category::Endpoint, exported, declared)));
    }
    for exported in &descriptor.services {
        let own = manifest.services.iter().filter(|entry| is_of(&entry.class, library, exported));
        let own: Vec<Declaration> = own.map(Declaration::of_service).collect();
        subjects.extend(each(own).map(|declared| subject(Category::Service, exported, declared)));
    }
    if subjects.is_empty() { Err(LibraryError::Empty(library.to_owned())) } else { Ok(subjects) }
}

/// Each of them, or none once.
fn each(own: Vec<Declaration>) -> impl Iterator<Item = Option<Declaration>> {
    let none = own.is_empty().then_some(None);
    own.into_iter().map(Some).chain(none)
}

/// Whether a class is this type of this library.
fn is_of(class: &Class, library: &Path, exported: &Exported) -> bool {
    is_in(class, library) && class.type_name == exported.type_name
}

fn is_in(class: &Class, library: &Path) -> bool {
    library.file_name().is_some_and(|file| file == class.file_name().as_str())
}

/// The manifest that was named, or the nearest one that names the library, or an empty one.
fn manifest_of(library: &Path, named: Option<&Path>) -> Result<Manifest, LibraryError> {
    let names_it = |manifest: &Manifest| {
        manifest.endpoints.iter().any(|entry| is_in(&entry.class, library))
            || manifest.services.iter().any(|entry| is_in(&entry.class, library))
    };
    if let Some(file) = named {
        let manifest = read(file)?;
        if names_it(&manifest) {
            return Ok(manifest);
        }
        return Err(LibraryError::NotNamed { library: library.to_owned(), manifest: file.to_owned() });
    }
    let none = Manifest { endpoints: Vec::new(), services: Vec::new() };
    Ok(nearest(library, names_it).found.map_or(none, |(_, manifest)| manifest))
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use std::fs;

    use super::{
        super::super::{manifest::FILE_NAME, testing},
        *,
    };

    /// One service in a library, of which a manifest above its build folder says this.
    const MANIFEST: &str = "schema_version: \"1.0\"\nservice:\n  billing:\n    class: acme:Billing\n    description: Bills.\n    \
        metadata: {required: false, auto_start: true}\n";

    struct World(tempfile::TempDir);

    impl World {
        fn new(services: &str) -> Self {
            let world = Self(tempfile::tempdir().unwrap());
            let descriptor = format!(
                "{{\"schema\": 1, \"name\": \"acme\", \"version\": \"3.1.0\", \"epoch\": 1, \"minor\": 0, \
                 \"min_host_minor\": 0, \"rustc\": \"r\", \"target\": \"t\", \"opt_level\": \"3\", \"panic\": \"unwind\", \
                 \"endpoints\": [], \"services\": [{services}]}}"
            );
            fs::create_dir_all(world.library().parent().unwrap()).unwrap();
            fs::write(world.library(), testing::library(descriptor.as_bytes())).unwrap();
            world
        }

        fn library(&self) -> PathBuf {
            self.0.path().join("target/release/libacme.so")
        }

        fn manifest(&self, text: &str) -> PathBuf {
            let file = self.0.path().join(FILE_NAME);
            fs::write(&file, text).unwrap();
            file
        }
    }

    const BILLING: &str = "{\"type\": \"Billing\", \"options\": \"{}\"}";

    #[test]
    fn a_library_is_known_by_the_manifest_above_it() {
        let world = World::new(BILLING);
        let found = of_library(&world.library(), None).unwrap();
        let [alone] = &found[..] else { panic!("{found:?}") };
        assert_eq!((alone.name(), alone.is_declared(), alone.is_service()), ("Billing", false, true));
        world.manifest(MANIFEST);
        let found = of_library(&world.library(), None).unwrap();
        let [billing] = &found[..] else { panic!("{found:?}") };
        assert_eq!((billing.name(), billing.description()), ("billing", Some("Bills.")));
    }

    #[test]
    fn a_manifest_that_is_named_must_name_the_library() {
        let world = World::new(BILLING);
        let other = world.manifest(&MANIFEST.replace("acme:", "other:"));
        let error = of_library(&world.library(), Some(&other)).unwrap_err();
        assert!(matches!(error, LibraryError::NotNamed { .. }) && !error.is_of_plugin(), "{error}");
        let found = of_library(&world.library(), None).unwrap();
        assert!(found.iter().all(|subject| !subject.is_declared()), "{found:?}");
    }

    #[test]
    fn a_file_that_is_not_there_is_a_slip_of_the_user_and_an_empty_library_is_not() {
        let world = World::new("");
        assert!(of_library(&world.library(), None).unwrap_err().is_of_plugin());
        let missing = of_library(&world.library().with_file_name("libnone.so"), None).unwrap_err();
        assert!(!missing.is_of_plugin() && missing.hint().starts_with("name a library"), "{missing}");
    }
}
