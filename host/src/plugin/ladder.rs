//! What is checked before any code of a library runs, cheapest first: the file and who can change it, the object, the
//! descriptor, the contract. What passes is [`Checked`]: the bytes that were checked, to be opened by the loader.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use object::{ReadCache, ReadRef};
use prony_plugin_api::{
    descriptor::{Descriptor, Exported, Language},
    version::{EPOCH, MINOR},
};
use serde::Deserialize;

use super::{
    c_descriptor,
    entry::{Category, Entry},
    fault::Fault,
    integrity::Digest,
    needs,
    object_file::ObjectFile,
    trust::Trust,
};

/// What a library says about itself, and what it is.
#[derive(Clone, Debug)]
pub(super) struct LibraryFacts {
    /// Its embedded descriptor.
    pub(super) descriptor: Descriptor,
    /// Of its whole file.
    pub(super) digest: Digest,
}

/// A library that may be opened.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    /// The file's contents, as they were read: a library may be large, and is not copied again.
    pub(super) bytes: Arc<Vec<u8>>,
    /// What they say.
    pub(super) facts: LibraryFacts,
}

/// Climbs the ladder for a library as such, up to its first fault.
pub(super) fn check(library: &Path, trust: &Trust) -> Result<Checked, Fault> {
    let found = find(library, trust, &mut Err)?;
    let (real, bytes) = (found.real.clone(), found.bytes()?);
    let descriptor = examine(&*bytes, &real, trust, &mut Err)?;
    fits(&descriptor)?;
    let digest = Digest::of(&bytes);
    Ok(Checked { bytes: Arc::new(bytes), facts: LibraryFacts { descriptor, digest } })
}

/// Reads what the bytes of a library say about it, and checks that it fits here.
pub(super) fn descriptor(library: &[u8]) -> Result<Descriptor, Fault> {
    let descriptor = describe(ObjectFile::parse(library)?.descriptor()?)?;
    fits(&descriptor)?;
    Ok(descriptor)
}

/// Whether the hash of a file is wanted: to read all of it and to compute it takes longer than all the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hashing {
    Wanted,
    /// Nobody looks at it.
    LeftOut,
}

/// Climbs the ladder as far as there are rungs, and does not stop at the first fault.
fn survey(library: &Path, trust: &Trust, hashing: Hashing) -> Survey {
    let mut survey = Survey::default();
    if let Err(last) = survey.climb(library, trust, hashing) {
        survey.faults.push(last);
    }
    // A folder may be on the way to several things.
    let mut seen = HashSet::new();
    survey.faults.retain(|fault| seen.insert(fault.to_string()));
    survey
}

/// Surveys of libraries, each made once: several entries may share a library.
#[derive(Debug, Default)]
pub(super) struct Surveys(HashMap<PathBuf, Rc<Survey>>);

impl Surveys {
    /// That of a library. One that lacks a hash which is wanted now is made again.
    pub(super) fn of(&mut self, library: &Path, trust: &Trust, hashing: Hashing) -> Rc<Survey> {
        let lacks = |survey: &Survey| hashing == Hashing::Wanted && survey.digest.is_none();
        if let Some(known) = self.0.get(library).filter(|known| !lacks(known)) {
            return Rc::clone(known);
        }
        let survey = Rc::new(survey(library, trust, hashing));
        self.0.insert(library.to_owned(), Rc::clone(&survey));
        survey
    }
}

/// What can be said about a library that may be broken.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Everything that is wrong with it, in the order of the ladder.
    pub(super) faults: Vec<Fault>,
    /// Size of its file, in bytes.
    pub(super) size: Option<u64>,
    /// Of its whole file, if that was wanted.
    pub(super) digest: Option<Digest>,
    /// What it says about itself.
    pub(super) descriptor: Option<Descriptor>,
}

impl Survey {
    /// Notes all faults but one that ends the climb, which is returned.
    fn climb(&mut self, library: &Path, trust: &Trust, hashing: Hashing) -> Result<(), Fault> {
        let faults = &mut self.faults;
        let mut note = |fault| {
            faults.push(fault);
            Ok(())
        };
        let found = find(library, trust, &mut note)?;
        self.size = Some(found.size);
        let real = found.real.clone();
        let descriptor = match hashing {
            Hashing::Wanted => {
                let bytes = found.bytes()?;
                self.digest = Some(Digest::of(&bytes));
                examine(&*bytes, &real, trust, &mut note)?
            }
            Hashing::LeftOut => examine(&ReadCache::new(found.file), &real, trust, &mut note)?,
        };
        let fit = fits(&descriptor);
        self.descriptor = Some(descriptor);
        fit
    }
}

/// Decides about a fault that the next rungs can do without: whether the climb goes on.
type OnFault<'a> = &'a mut dyn FnMut(Fault) -> Result<(), Fault>;

/// The file of a library.
struct Found {
    /// Where it is, behind all links.
    real: PathBuf,
    file: File,
    /// In bytes.
    size: u64,
}

impl Found {
    fn bytes(mut self) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0));
        self.file.read_to_end(&mut bytes).map_err(Fault::Unreadable)?;
        Ok(bytes)
    }
}

/// The lower rungs: opens a file that nobody else can change.
fn find(library: &Path, trust: &Trust, on_fault: OnFault<'_>) -> Result<Found, Fault> {
    let real = regular(library)?;
    folders(library, &real).try_for_each(|folder| trust.check_folder(folder).or_else(&mut *on_fault))?;
    trust.check_way(library).or_else(&mut *on_fault)?;
    let file = File::open(&real).map_err(Fault::Unreadable)?;
    let metadata = file.metadata().map_err(Fault::Unreadable)?;
    trust.check_file(&real, &metadata).or_else(&mut *on_fault)?;
    Ok(Found { real, file, size: metadata.len() })
}

/// The upper rungs: what the bytes say. Whether the descriptor fits here is left to be looked at.
fn examine<'a>(
    bytes: impl ReadRef<'a>,
    real: &Path,
    trust: &Trust,
    on_fault: OnFault<'_>,
) -> Result<Descriptor, Fault> {
    let object = ObjectFile::parse(bytes)?;
    object.needs().and_then(|needs| needs::check(&needs, real, trust)).or_else(on_fault)?;
    describe(object.descriptor()?)
}

/// The file behind the links of a library.
fn regular(library: &Path) -> Result<PathBuf, Fault> {
    // Asked before it is opened: opening a pipe would wait for its other end.
    if !fs::metadata(library).map_err(Fault::Unreadable)?.is_file() {
        return Err(Fault::NotAFile);
    }
    library.canonicalize().map_err(Fault::Unreadable)
}

/// The folders of a library, each once. Both of a link: anyone who can replace the link chooses the file.
fn folders<'a>(library: &'a Path, real: &'a Path) -> impl Iterator<Item = &'a Path> {
    // A bare file name stands in the working folder.
    let here = |folder: &'a Path| if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let (own, real) = (library.parent().map(here), real.parent());
    own.into_iter().chain(real.filter(|real| own != Some(real)))
}

/// What any epoch's descriptor holds.
#[derive(Deserialize)]
struct AnyEpoch {
    name: String,
    version: String,
    epoch: u32,
    #[serde(default)]
    minor: u32,
}

/// What a descriptor of our epoch says of who wrote the rest of it.
#[derive(Deserialize)]
struct AnyLanguage {
    #[serde(default)]
    language: Language,
}

/// Reads a descriptor of our epoch.
fn describe(json: &[u8]) -> Result<Descriptor, Fault> {
    // Another epoch's descriptor may have other fields: its epoch must be known before the rest is read.
    let AnyEpoch { name, version, epoch, minor } =
        serde_json::from_slice(json).map_err(Fault::BadDescriptor)?;
    let plugin = format!("{name} {version}");
    if epoch != EPOCH {
        return Err(Fault::Epoch { plugin, epoch, minor });
    }
    let AnyLanguage { language } = serde_json::from_slice(json).map_err(Fault::BadDescriptor)?;
    let descriptor = match language {
        Language::Rust => serde_json::from_slice(json),
        Language::C => c_descriptor::read(json),
    };
    descriptor.map_err(Fault::BadDescriptor)
}

/// Checks that plugin and host fit.
fn fits(descriptor: &Descriptor) -> Result<(), Fault> {
    let plugin = format!("{} {}", descriptor.name, descriptor.version);
    if descriptor.min_host_minor > MINOR {
        return Err(Fault::HostTooOld { plugin, needs: descriptor.min_host_minor });
    }
    if descriptor.language == Language::Rust && descriptor.panic != "unwind" {
        return Err(Fault::PanicStrategy { plugin, found: descriptor.panic.clone() });
    }
    Ok(())
}

/// Checks that a library says it has a type.
pub(super) fn exports<'a>(
    descriptor: &'a Descriptor,
    category: Category,
    type_name: &str,
) -> Result<&'a Exported, Fault> {
    let exports = match category {
        Category::Endpoint => &descriptor.endpoints,
        Category::Service => &descriptor.services,
    };
    exports.iter().find(|exported| exported.type_name == type_name).ok_or_else(|| Fault::NotExported {
        plugin: format!("{} {}", descriptor.name, descriptor.version),
        category,
        type_name: type_name.to_owned(),
        exports: exports.iter().map(|exported| exported.type_name.clone()).collect(),
    })
}

impl LibraryFacts {
    /// Name and version, as errors call it.
    pub(super) fn plugin(&self) -> String {
        format!("{} {}", self.descriptor.name, self.descriptor.version)
    }

    /// Checks the library against one entry of a manifest.
    pub(super) fn check_entry<M>(&self, category: Category, entry: &Entry<M>) -> Result<(), Fault> {
        exports(&self.descriptor, category, &entry.class.type_name)?;
        match entry.integrity {
            Some(expected) if expected != self.digest => {
                Err(Fault::Integrity { expected, found: self.digest })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::PathBuf};

    use rstest::rstest;
    use serde_json::{Value, json};

    use super::{
        super::{
            entry::Tier,
            testing::{library, service_entry},
        },
        *,
    };
    use crate::explain::Explain;

    fn descriptor() -> Value {
        json!({
            "schema": 1, "name": "acme", "version": "3.1.0", "epoch": EPOCH, "minor": MINOR, "min_host_minor": 0,
            "rustc": "rustc 1.90.0", "target": "x86_64-unknown-linux-gnu", "opt_level": "3", "panic": "unwind",
            "endpoints": [], "services": [{"type": "Billing", "options": "{}"}], "from_a_later_minor": true,
        })
    }

    struct LibraryFolder(tempfile::TempDir);

    impl LibraryFolder {
        fn with(bytes: &[u8]) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            fs::write(folder.library(), bytes).unwrap();
            folder
        }

        fn library(&self) -> PathBuf {
            self.0.path().join("libacme.so")
        }

        fn check(&self) -> Result<Checked, Fault> {
            check(&self.library(), &Trust::of_this_process())
        }
    }

    #[test]
    fn a_sound_library_passes_with_its_facts() {
        let bytes = library(descriptor().to_string().as_bytes());
        let checked = LibraryFolder::with(&bytes).check().unwrap();
        assert_eq!(checked.facts.plugin(), "acme 3.1.0");
        assert_eq!(checked.facts.digest, Digest::of(&bytes));
        assert_eq!(*checked.bytes, *bytes);
    }

    #[rstest]
    #[case::epoch("epoch", json!(2), "acme 3.1.0 is built for contract 2.4, and this host offers 1.4")]
    #[case::needs_more("min_host_minor", json!(7), "acme 3.1.0 needs a host with contract 1.7, and this host offers 1.4")]
    #[case::abort("panic", json!("abort"), "acme 3.1.0 is built with panic=abort, and this host needs panic=unwind")]
    #[case::not_a_number("epoch", json!("one"), "its descriptor cannot be read: invalid type: string \"one\"")]
    #[case::no_services("services", json!(null), "its descriptor cannot be read: invalid type: null")]
    fn a_library_that_does_not_fit_is_refused_with_both_sides(
        #[case] key: &str,
        #[case] value: Value,
        #[case] expected: &str,
    ) {
        let mut descriptor = descriptor();
        descriptor[key] = value;
        let fault =
            LibraryFolder::with(&library(descriptor.to_string().as_bytes())).check().unwrap_err().to_string();
        assert!(fault.starts_with(expected), "{fault}");
    }

    #[test]
    fn another_epochs_descriptor_need_not_be_readable_beyond_its_epoch() {
        let later = br#"{"name": "acme", "version": "4.0.0", "epoch": 2, "language": "zig", "exports": {}}"#;
        assert!(matches!(LibraryFolder::with(&library(later)).check(), Err(Fault::Epoch { epoch: 2, .. })));
    }

    #[test]
    fn a_library_in_c_has_no_panics_and_passes_with_its_facts() {
        let text = r#"{"schema":1,"language":"c","name":"acme","version":"3.1.0","epoch":1,"minor":4,"compiler":"gcc 12",
            "opt_level":"on","endpoints":[{"type":"AcmeChat","options":{"type":"object"}}],"services":[]}"#;
        let facts = LibraryFolder::with(&library(text.as_bytes())).check().unwrap().facts;
        assert_eq!((facts.plugin().as_str(), facts.descriptor.language), ("acme 3.1.0", Language::C));
        let later = text.replace("\"epoch\":1", "\"epoch\":2");
        assert!(matches!(
            LibraryFolder::with(&library(later.as_bytes())).check(),
            Err(Fault::Epoch { epoch: 2, .. })
        ));
    }

    #[rstest]
    #[case::text(
        b"not a library, but a text that pretends to be one for a long while",
        "its 66 bytes are not a shared"
    )]
    #[case::empty(b"", "its 0 bytes are not a shared library")]
    fn what_is_no_library_is_refused(#[case] bytes: &[u8], #[case] expected: &str) {
        let fault = LibraryFolder::with(bytes).check().unwrap_err().to_string();
        assert!(fault.starts_with(expected), "{fault}");
    }

    #[test]
    fn a_library_that_everyone_can_change_is_refused_before_it_is_read() {
        let folder = LibraryFolder::with(b"text");
        fs::set_permissions(folder.library(), Permissions::from_mode(0o666)).unwrap();
        let fault = folder.check().unwrap_err();
        let library = folder.library().canonicalize().unwrap().display().to_string();
        assert_eq!(
            fault.to_string(),
            format!(
                "everyone may write to `{library}` (mode 666), and so could replace the code that would run here"
            )
        );
        assert_eq!(fault.hint(), format!("take the right away: `chmod o-w {library}`"));
    }

    #[test]
    fn a_folder_that_everyone_can_change_is_refused() {
        let folder = LibraryFolder::with(&library(descriptor().to_string().as_bytes()));
        fs::set_permissions(folder.0.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(folder.check(), Err(Fault::Writable { remedy: "o-w", .. })));
    }

    #[test]
    fn a_link_is_as_safe_as_the_less_safe_of_its_folders() {
        let folder = LibraryFolder::with(&library(descriptor().to_string().as_bytes()));
        let open = tempfile::tempdir().unwrap();
        let link = open.path().join("libacme.so");
        std::os::unix::fs::symlink(folder.library(), &link).unwrap();
        check(&link, &Trust::of_this_process()).unwrap();
        fs::set_permissions(open.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(check(&link, &Trust::of_this_process()), Err(Fault::Writable { .. })));
    }

    #[test]
    fn a_survey_names_all_faults_and_a_check_the_first_of_them() {
        let mut descriptor = descriptor();
        descriptor["panic"] = json!("abort");
        let folder = LibraryFolder::with(&library(descriptor.to_string().as_bytes()));
        fs::set_permissions(folder.library(), Permissions::from_mode(0o666)).unwrap();
        fs::set_permissions(folder.0.path(), Permissions::from_mode(0o777)).unwrap();
        let survey = survey(&folder.library(), &Trust::of_this_process(), Hashing::Wanted);
        let [place, file, kind] = &survey.faults[..] else { panic!("{:?}", survey.faults) };
        assert!(matches!(place, Fault::Writable { .. }) && matches!(file, Fault::Writable { .. }));
        assert!(matches!(kind, Fault::PanicStrategy { .. }));
        assert!(survey.descriptor.is_some() && survey.digest.is_some());
        assert_eq!(folder.check().unwrap_err().to_string(), place.to_string());
    }

    /// A file of a terabyte, nearly all of it a hole: nobody could read it whole.
    #[test]
    fn what_needs_no_hash_is_not_read_whole() {
        let folder = LibraryFolder::with(&library(descriptor().to_string().as_bytes()));
        File::options().write(true).open(folder.library()).unwrap().set_len(1 << 40).unwrap();
        let survey = survey(&folder.library(), &Trust::of_this_process(), Hashing::LeftOut);
        assert!(survey.faults.is_empty(), "{:?}", survey.faults);
        assert_eq!((survey.size, survey.descriptor.unwrap().name.as_str()), (Some(1 << 40), "acme"));
        assert!(survey.digest.is_none());
    }

    #[test]
    fn a_folder_or_nothing_in_the_place_of_a_library_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(check(dir.path(), &Trust::of_this_process()), Err(Fault::NotAFile)));
        let missing = dir.path().join("libacme.so");
        assert!(matches!(check(&missing, &Trust::of_this_process()), Err(Fault::Unreadable(_))));
    }

    #[test]
    fn an_entry_must_name_an_exported_type_and_the_right_hash() {
        let bytes = library(descriptor().to_string().as_bytes());
        let facts = LibraryFolder::with(&bytes).check().unwrap().facts;
        let mut entry = service_entry("billing", "/packs/acme/plugins.yaml", Tier::User);
        entry.class.type_name = "Billing".to_owned();
        facts.check_entry(Category::Service, &entry).unwrap();

        entry.integrity = Some(Digest::of(&bytes));
        facts.check_entry(Category::Service, &entry).unwrap();

        entry.integrity = Some(Digest::of(b"another file"));
        assert!(matches!(facts.check_entry(Category::Service, &entry), Err(Fault::Integrity { .. })));

        entry.class.type_name = "Accounting".to_owned();
        assert_eq!(
            facts.check_entry(Category::Service, &entry).unwrap_err().to_string(),
            "the manifest names the service `Accounting`, and acme 3.1.0 exports `Billing`"
        );
        assert_eq!(
            facts.check_entry(Category::Endpoint, &entry).unwrap_err().to_string(),
            "the manifest names the endpoint `Accounting`, and acme 3.1.0 exports nothing"
        );
    }
}
