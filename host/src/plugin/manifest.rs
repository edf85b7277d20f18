//! Reads a `plugins.yaml`: which endpoints and services a pack holds. Opens nothing that it names.
//!
//! Format, version 1.0; unknown keys are errors, so that a typo cannot turn into a default:
//!
//! ```yaml
//! schema_version: "1.0"
//! endpoint:
//!   acme_chat:
//!     class: acme_chat:AcmeChat   # library:Type
//!     description: Chat with Acme servers.
//!     priority: 10                # optional, 0
//!     isolation: process          # optional, none
//!     integrity: sha256-…         # optional
//!     metadata: {…}               # of `prony_plugin_api::metadata`
//! service: {…}
//! ```
//!
//! Compatibility: a reader of 1.0 reads manifests of 1.0; any other version is refused by name.

use std::{
    collections::{HashMap, HashSet},
    env::consts::DLL_SUFFIX,
    fmt, fs, io,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
};

use prony_plugin_api::metadata::{EndpointMetadata, ServiceMetadata};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, Visitor},
};

use super::{
    entry::{Category, Class, EndpointEntry, Entry, Isolation, Key, Origin, ServiceEntry, is_name},
    fault::Fault,
    integrity::Digest,
};
use crate::{
    bounded,
    config::yaml::{self, YamlError},
    explain::Explain,
};

/// Name of a manifest in a pack's folder.
pub(super) const FILE_NAME: &str = "plugins.yaml";

/// The format's version.
pub(super) const SCHEMA_VERSION: &str = "1.0";

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("read the plugin manifest `{}{}`", .file.display(), .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub(crate) struct ManifestError {
    /// The manifest that cannot be used.
    pub(crate) file: PathBuf,
    /// Where in it, from 1, if it is about a place.
    pub(crate) line: Option<usize>,
    #[source]
    pub(crate) problem: ManifestProblem,
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestProblem {
    /// It does not exist, or the user may not read it, or it is not text.
    #[error("{0}")]
    Unreadable(io::Error),
    /// A folder, a socket or the like stands in its place.
    #[error("it is not a file")]
    NotAFile,
    /// A library was named in the place of its manifest.
    #[error("it is a library and no manifest")]
    Library,
    /// It is no text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// Others could change what it says.
    #[error("{0}")]
    Untrusted(Box<Fault>),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is written in another version of the format.
    #[error("its schema_version is `{0}`, and this version of prony reads `{SCHEMA_VERSION}`")]
    SchemaVersion(String),
    /// Something in it is not what the format wants.
    #[error("{0}")]
    Format(String),
}

impl Explain for ManifestError {
    fn hint(&self) -> String {
        match &self.problem {
            ManifestProblem::Untrusted(fault) => fault.hint(),
            ManifestProblem::Unreadable(_) => {
                "check that the file exists and that you may read it".to_owned()
            }
            ManifestProblem::NotAFile => {
                format!("name the file, such as `{}`", self.file.join(FILE_NAME).display())
            }
            ManifestProblem::Library => format!(
                "name the plugins.yaml beside it; `prony plugins check {}` tries the library itself",
                self.file.display()
            ),
            ManifestProblem::NotText => "name a plugins.yaml, and save it as UTF-8".to_owned(),
            ManifestProblem::Empty => format!("begin it with `schema_version: \"{SCHEMA_VERSION}\"`"),
            ManifestProblem::SchemaVersion(_) => {
                "install the plugin package's release for this version of prony".to_owned()
            }
            ManifestProblem::Format(_) => {
                "correct that line; the built-in plugins.yaml shows the format".to_owned()
            }
        }
    }
}

/// The entries of one `plugins.yaml`, in its order.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) endpoints: Vec<EndpointEntry>,
    pub(super) services: Vec<ServiceEntry>,
}

/// Reads the manifest of `origin`.
pub(super) fn read(origin: &Arc<Origin>) -> Result<Manifest, ManifestError> {
    let file = &origin.manifest;
    let failure = |line, problem| ManifestError { file: file.clone(), line, problem };
    let text = read_file(file).map_err(|problem| failure(None, problem))?;
    of_text(&text, origin).map_err(|(line, problem)| failure(line, problem))
}

/// The manifest that a text is, or the first mistake in it and its line.
pub(super) fn of_text(
    text: &str,
    origin: &Arc<Origin>,
) -> Result<Manifest, (Option<usize>, ManifestProblem)> {
    let document = parse(text)?;
    Ok(Manifest {
        endpoints: document.endpoints.into_iter().map(|raw| raw.belonging_to(origin)).collect(),
        services: document.services.into_iter().map(|raw| raw.belonging_to(origin)).collect(),
    })
}

/// The library that an entry names and its hash, whatever else is wrong with it. The text is that of the entry alone.
pub(super) fn library_of(entry: &str) -> Option<(Class, Option<Digest>)> {
    #[derive(Deserialize)]
    struct Library {
        class: String,
        integrity: Option<String>,
    }
    let mut entries: HashMap<String, Library> = yaml::parse(entry).ok()?;
    let (_, Library { class, integrity }) = entries.drain().next()?;
    Some((Class::try_from(class).ok()?, integrity.and_then(|text| Digest::try_from(text).ok())))
}

/// The text of a manifest's file.
pub(super) fn read_file(file: &Path) -> Result<String, ManifestProblem> {
    // Asked before it is opened: opening a pipe would wait for its other end.
    if !fs::metadata(file).map_err(ManifestProblem::Unreadable)?.is_file() {
        return Err(ManifestProblem::NotAFile);
    }
    let bytes = bounded::read(file, yaml::MOST_MEGABYTES).map_err(|error| {
        // A library is told apart from a manifest that is too large: most are larger than any manifest.
        let is_large_library = error.kind() == io::ErrorKind::FileTooLarge && is_library(file);
        if is_large_library { ManifestProblem::Library } else { ManifestProblem::Unreadable(error) }
    })?;
    String::from_utf8(bytes)
        .map_err(|_| if is_library(file) { ManifestProblem::Library } else { ManifestProblem::NotText })
}

/// Whether a file has the name of a library.
pub(super) fn is_library(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().ends_with(DLL_SUFFIX))
}

fn parse(text: &str) -> Result<Document, (Option<usize>, ManifestProblem)> {
    if text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "---") {
        return Err((None, ManifestProblem::Empty));
    }
    yaml::check_brackets(text).map_err(|(line, text)| (Some(line), ManifestProblem::Format(text)))?;
    yaml::parse(text).map_err(|error: YamlError| {
        // Whatever else another version's manifest has that this one does not, its version is what matters.
        if let Ok(Version { schema_version }) = yaml::parse(text)
            && schema_version != SCHEMA_VERSION
        {
            return (None, ManifestProblem::SchemaVersion(schema_version));
        }
        (error.line(), ManifestProblem::Format(error.text))
    })
}

#[derive(Deserialize)]
struct Version {
    schema_version: String,
}

/// A manifest's text, checked.
#[derive(Debug)]
struct Document {
    endpoints: Vec<RawEntry<EndpointMetadata>>,
    services: Vec<RawEntry<ServiceMetadata>>,
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping with `schema_version` and categories")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut version = None;
        let mut sections = HashSet::new();
        let mut document = Document { endpoints: Vec::new(), services: Vec::new() };
        while let Some(section) = map.next_key_seed(SectionName { seen: &mut sections })? {
            match section {
                Section::SchemaVersion => version = Some(map.next_value::<String>()?),
                Section::Entries(Category::Endpoint) => {
                    document.endpoints = map.next_value_seed(Entries::new())?;
                }
                Section::Entries(Category::Service) => {
                    document.services = map.next_value_seed(Entries::new())?;
                }
            }
        }
        match version.as_deref() {
            Some(SCHEMA_VERSION) => Ok(document),
            Some(other) => Err(A::Error::custom(format!("schema_version is `{other}`"))),
            None => Err(A::Error::custom("`schema_version` is missing")),
        }
    }
}

/// What a top-level key names.
enum Section {
    SchemaVersion,
    Entries(Category),
}

/// Reads a top-level key, once.
struct SectionName<'a> {
    seen: &'a mut HashSet<String>,
}

impl<'de> DeserializeSeed<'de> for SectionName<'_> {
    type Value = Section;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Section, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for SectionName<'_> {
    type Value = Section;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a category")
    }

    // Errors raised here, rather than by the map, carry the key's own line.
    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Section, E> {
        if !self.seen.insert(name.to_owned()) {
            return Err(E::custom(format!("`{name}` stands here a second time")));
        }
        if name == "schema_version" {
            return Ok(Section::SchemaVersion);
        }
        let category = Category::ALL.into_iter().find(|category| category.name() == name);
        category.map(Section::Entries).ok_or_else(|| {
            let known = Category::ALL.map(|category| format!("`{category}`")).join(" and ");
            E::custom(format!("there is no category `{name}`; the categories are {known}"))
        })
    }
}

/// One entry as it stands in the file.
#[derive(Debug)]
struct RawEntry<M> {
    name: String,
    body: RawBody<M>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of an entry, such as `class`")]
struct RawBody<M> {
    #[serde(deserialize_with = "text")]
    class: Class,
    description: String,
    #[serde(default)]
    priority: i32,
    #[serde(default)]
    isolation: Isolation,
    #[serde(default, deserialize_with = "optional_text")]
    integrity: Option<Digest>,
    metadata: M,
}

/// Reads a value that is written as a text. Unlike those of `try_from`, its errors carry the text's own line.
fn text<'de, D: Deserializer<'de>, T: TryFrom<String, Error = String>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Text<T>(PhantomData<T>);
    impl<T: TryFrom<String, Error = String>> Visitor<'_> for Text<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            T::try_from(text.to_owned()).map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text(PhantomData))
}

fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Digest>, D::Error> {
    text(deserializer).map(Some)
}

impl<M> RawEntry<M> {
    fn belonging_to(self, origin: &Arc<Origin>) -> Entry<M> {
        let RawBody { class, description, priority, isolation, integrity, metadata } = self.body;
        let origin = Arc::clone(origin);
        Entry { name: self.name, class, description, priority, isolation, integrity, metadata, origin }
    }
}

/// Reads the entries of a category. A map type would keep the last of two entries with one name.
struct Entries<M>(PhantomData<M>);

impl<M> Entries<M> {
    fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, M: DeserializeOwned> DeserializeSeed<'de> for Entries<M> {
    type Value = Vec<RawEntry<M>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, M: DeserializeOwned> Visitor<'de> for Entries<M> {
    type Value = Vec<RawEntry<M>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of entry names to entries")
    }

    /// A category with nothing below it.
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = HashSet::new();
        let mut entries = Vec::new();
        while let Some(name) = map.next_key_seed(EntryName { keys: &mut keys })? {
            entries.push(RawEntry { name, body: map.next_value()? });
        }
        Ok(entries)
    }
}

/// Reads an entry's name and refuses one that was there before, in any spelling.
struct EntryName<'a> {
    keys: &'a mut HashSet<Key>,
}

impl<'de> DeserializeSeed<'de> for EntryName<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for EntryName<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an entry")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<String, E> {
        if !is_name(name) {
            return Err(E::custom(format!("`{name}` is not a name: use letters, digits, `-` and `_`")));
        }
        if !self.keys.insert(Key::of(name)) {
            let rule = "case and the difference between `-` and `_` do not count";
            return Err(E::custom(format!("`{name}` stands here a second time; {rule}")));
        }
        Ok(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{super::entry::Tier, *};

    const GOOD: &str = r#"
schema_version: "1.0"
endpoint:
  acme-chat:
    class: acme_chat:AcmeChat
    description: Chat with Acme servers.
    priority: -3
    isolation: process
    integrity: sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
    metadata: {endpoint_path: /v1/talk, supports_streaming: true, produces_tokens: true, tokenizes_input: true}
  acme_rank:
    class: acme_chat:AcmeRank
    description: Rank.
    metadata: {endpoint_path: null, supports_streaming: false, produces_tokens: false, tokenizes_input: true}
service:
"#;

    fn read_manifest(text: &str) -> Result<Manifest, ManifestError> {
        let dir = tempfile::tempdir().unwrap();
        let manifest = dir.path().join(FILE_NAME);
        fs::write(&manifest, text).unwrap();
        read(&Arc::new(Origin { manifest, tier: Tier::User }))
    }

    /// The place and the problem, as a listing shows them.
    fn error_text(text: &str) -> String {
        let error = read_manifest(text).unwrap_err();
        let line = error.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{line}{}", error.problem)
    }

    #[test]
    fn a_manifest_is_read_with_its_defaults() {
        let manifest = read_manifest(GOOD).unwrap();
        assert!(manifest.services.is_empty());
        let [chat, rank] = &manifest.endpoints[..] else { panic!("{manifest:?}") };
        assert_eq!(
            (chat.name.as_str(), chat.priority, chat.isolation),
            ("acme-chat", -3, Isolation::Process)
        );
        assert_eq!(chat.integrity, Some(Digest::of(b"abc")));
        assert_eq!(chat.metadata.endpoint_path.as_deref(), Some("/v1/talk"));
        assert_eq!((rank.priority, rank.isolation, rank.integrity), (0, Isolation::None, None));
        assert_eq!(rank.class.to_string(), "acme_chat:AcmeRank");
    }

    #[test]
    fn the_shipped_manifest_is_valid() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(FILE_NAME);
        read(&Arc::new(Origin { manifest, tier: Tier::BuiltIn })).unwrap();
    }

    #[rstest]
    #[case::unknown_category(
        "service:",
        "endpiont:",
        "line 15: there is no category `endpiont`; the categories are `endpoint` and `service`"
    )]
    #[case::same_category_twice("service:", "endpoint:", "line 15: `endpoint` stands here a second time")]
    #[case::unknown_key(
        "    priority: -3",
        "    prioriti: 3",
        "line 7: endpoint.acme-chat: unknown field `prioriti`"
    )]
    #[case::unknown_metadata(
        "produces_tokens: true",
        "produces_token: true",
        "line 10: endpoint.acme-chat.metadata: unknown field `produces_token`"
    )]
    #[case::missing_metadata(
        "produces_tokens: true, ",
        "",
        "line 10: endpoint.acme-chat.metadata: missing field `produces_tokens`"
    )]
    #[case::bad_class(
        "acme_chat:AcmeRank",
        "acme_chat.AcmeRank",
        "line 12: endpoint.acme_rank.class: `acme_chat.AcmeRank` is not a class: write `library:Type`"
    )]
    #[case::bad_priority(
        "priority: -3",
        "priority: high",
        "line 7: endpoint.acme-chat.priority: invalid type: string \"high\""
    )]
    #[case::bad_isolation(
        "isolation: process",
        "isolation: thread",
        "line 8: endpoint.acme-chat.isolation: unknown variant `thread`"
    )]
    #[case::no_entry(
        "service:",
        "service:\n  a: 5",
        "line 16: service.a: invalid type: integer `5`, expected the keys of an entry, such as `class`"
    )]
    #[case::no_metadata(
        "service:",
        "service:\n  a: {class: a:B, description: x, metadata: 5}",
        "line 16: service.a.metadata: invalid type: integer `5`, expected the keys of `metadata`"
    )]
    #[case::bad_integrity("sha256-ba", "sha1-ba", "line 9: endpoint.acme-chat.integrity: `sha1-")]
    #[case::same_name_twice(
        "acme_rank:",
        "Acme_Chat:",
        "line 11: endpoint: `Acme_Chat` stands here a second time; case and"
    )]
    #[case::bad_name("acme_rank:", "acme rank:", "line 11: endpoint: `acme rank` is not a name")]
    #[case::another_version(
        "\"1.0\"",
        "\"2.0\"",
        "its schema_version is `2.0`, and this version of prony reads `1.0`"
    )]
    #[case::no_version("schema_version: \"1.0\"", "", "line 3: `schema_version` is missing")]
    #[case::not_yaml("  acme_rank:", " acme_rank:", "line 11: did not find expected key")]
    fn a_mistake_is_named_with_its_line(#[case] good: &str, #[case] bad: &str, #[case] expected: &str) {
        let error_text = error_text(&GOOD.replacen(good, bad, 1));
        assert!(error_text.starts_with(expected), "{error_text}");
    }

    #[test]
    fn a_manifest_of_a_later_version_is_refused_for_its_version_whatever_else_it_holds() {
        let later = "dataset: {x: {}}\nschema_version: '3.0'\n";
        assert_eq!(error_text(later), "its schema_version is `3.0`, and this version of prony reads `1.0`");
    }

    #[rstest]
    #[case("")]
    #[case("# only a comment\n\n---\n")]
    fn an_empty_manifest_says_so(#[case] text: &str) {
        assert_eq!(error_text(text), "it is empty");
    }

    #[test]
    fn a_folder_in_the_place_of_a_manifest_says_what_to_write_instead() {
        let dir = tempfile::tempdir().unwrap();
        let origin = Origin { manifest: dir.path().to_owned(), tier: Tier::CommandLine };
        let error = read(&Arc::new(origin)).unwrap_err();
        assert_eq!(error.problem.to_string(), "it is not a file");
        assert_eq!(
            error.hint(),
            format!("name the file, such as `{}`", dir.path().join(FILE_NAME).display())
        );
    }

    #[test]
    fn the_error_names_file_and_line() {
        let error = read_manifest("schema_version: [1.0]\n").unwrap_err();
        let file = error.file.display().to_string();
        assert_eq!(error.to_string(), format!("read the plugin manifest `{file}:1`"));
    }
}
