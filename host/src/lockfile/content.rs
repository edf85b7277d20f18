//! [`Lockfile`]: what is locked, and whether something is as it was locked. Pure: it reads no file.

use std::{
    collections::BTreeMap,
    path::{self, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Breach, Change, Sum, breach::Difference};

/// What a plugin's library is called in texts.
const LIBRARY: &str = "plugin library";

/// What stands before the name of a repository in the folders of the Hugging Face cache.
const CACHED: [&str; 2] = ["models--", "datasets--"];

/// What kind of thing files belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Tokenizer,
    Dataset,
}

impl FileKind {
    /// What it is called in texts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tokenizer => "tokenizer",
            Self::Dataset => "dataset",
        }
    }
}

/// A plugin's library that is locked, on one platform or on several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedPlugin {
    /// Package name of the library.
    name: String,
    /// Its package version.
    version: String,
    /// By the platform that it is built for, as Rust names it: `x86_64-unknown-linux-gnu`.
    sha256: BTreeMap<String, Sum>,
}

/// A tokenizer or a dataset that is locked. Its files are the same on all platforms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedFiles {
    /// Its revision, where it comes from a model hub's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// By their paths below it.
    sha256: BTreeMap<String, Sum>,
}

/// A library that is to be locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LockedLibrary {
    /// Its stem, with which the `class` of a manifest begins.
    pub(crate) library: String,
    /// Package name.
    pub(crate) name: String,
    /// Package version.
    pub(crate) version: String,
    pub(crate) sum: Sum,
}

/// What is written into the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    pub(super) lock_version: u32,
    /// By the stems of their libraries.
    #[serde(default)]
    plugins: BTreeMap<String, LockedPlugin>,
    /// By the names that users give them.
    #[serde(default)]
    tokenizers: BTreeMap<String, LockedFiles>,
    /// The same.
    #[serde(default)]
    datasets: BTreeMap<String, LockedFiles>,
}

/// What may be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lockfile {
    /// Its file.
    pub(super) path: PathBuf,
    pub(super) content: Content,
}

impl Lockfile {
    /// How many plugins, tokenizers and datasets it has.
    pub(crate) fn counts(&self) -> [(usize, &'static str); 3] {
        let Content { plugins, tokenizers, datasets, .. } = &self.content;
        [(plugins.len(), "plugin"), (tokenizers.len(), "tokenizer"), (datasets.len(), "dataset")]
    }

    /// Its file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has a library for a platform.
    pub(crate) fn has_library(&self, library: &str, target: &str) -> bool {
        self.content.plugins.get(library).is_some_and(|plugin| plugin.sha256.contains_key(target))
    }

    /// Checks a library for a platform.
    ///
    /// # Errors
    /// It is not the one that was locked.
    pub(crate) fn check_library(&self, library: &str, target: &str, found: &Sum) -> Result<(), Breach> {
        let (lock, what, name) = (self.path.clone(), LIBRARY, library.to_owned());
        let Some(plugin) = self.content.plugins.get(library) else {
            return Err(Difference::Absent { lock, what, name, found: found.clone() }.into());
        };
        match plugin.sha256.get(target) {
            Some(expected) if expected == found => Ok(()),
            Some(expected) => Err(Difference::Changed {
                lock,
                what,
                name,
                expected: expected.clone(),
                found: found.clone(),
            }
            .into()),
            None => {
                let known: Vec<&str> = plugin.sha256.keys().map(String::as_str).collect();
                let (known, target) = (known.join(", "), target.to_owned());
                Err(Difference::OtherPlatform { lock, what, name, known, target, found: found.clone() }
                    .into())
            }
        }
    }

    /// Checks one file of a tokenizer or a dataset. It is found by its name; where that is another than the one that was locked, any
    /// file with this content will do.
    ///
    /// # Errors
    /// It is not what was locked.
    pub(crate) fn check_file(&self, kind: FileKind, path: &Path, found: &Sum) -> Result<(), Breach> {
        let path = path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let all = self.files(kind).iter();
        let files =
            all.flat_map(|(name, locked)| locked.sha256.iter().map(move |(file, sum)| (name, file, sum)));
        let named = files.clone().filter(|(name, file, _)| is_at(&path, name, file));
        let is_known = files.clone().any(|(_, _, sum)| sum == found);
        let (lock, what, found) = (self.path.clone(), kind.name(), found.clone());
        match named.max_by_key(|(name, _, _)| name.len()) {
            Some((_, _, expected)) if *expected == found => Ok(()),
            Some((name, file, expected)) => {
                let (name, expected) = (whole_name(name, file), expected.clone());
                Err(Difference::Changed { lock, what, name, expected, found }.into())
            }
            None if is_known => Ok(()),
            None => Err(Difference::Absent { lock, what, name: path.display().to_string(), found }.into()),
        }
    }

    /// Checks that all files of a folder are there, of which each one is checked by itself.
    ///
    /// # Errors
    /// One is not.
    pub(crate) fn check_whole(
        &self,
        kind: FileKind,
        folder: &Path,
        found: &BTreeMap<String, Sum>,
    ) -> Result<(), Breach> {
        let folder = path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let named = self.files(kind).iter().filter(|(name, _)| folder.ends_with(plain(name)));
        let Some((name, locked)) = named.max_by_key(|(name, _)| name.len()) else { return Ok(()) };
        match locked.sha256.iter().find(|(file, _)| !found.contains_key(*file)) {
            Some((file, expected)) => Err(Difference::Gone {
                lock: self.path.clone(),
                what: kind.name(),
                name: whole_name(name, file),
                expected: expected.clone(),
            }
            .into()),
            None => Ok(()),
        }
    }

    /// Locks all libraries of a platform, and keeps what is locked for others. One of another version is another library, whose
    /// earlier platforms are forgotten.
    pub(crate) fn lock_libraries(&mut self, target: &str, libraries: &[LockedLibrary]) -> Vec<Change> {
        let plugins = &mut self.content.plugins;
        let mut changes = Vec::new();
        for (library, plugin) in plugins.iter_mut() {
            if !libraries.iter().any(|known| known.library == *library) {
                let before = plugin.sha256.remove(target);
                changes.extend(Change::of(LIBRARY, library.as_str(), before.as_ref(), None));
            }
        }
        plugins.retain(|_, plugin| !plugin.sha256.is_empty());
        for LockedLibrary { library, name, version, sum } in libraries {
            let new =
                || LockedPlugin { name: name.clone(), version: version.clone(), sha256: BTreeMap::new() };
            let plugin = plugins.entry(library.clone()).or_insert_with(new);
            let before = plugin.sha256.get(target).cloned();
            if (&plugin.name, &plugin.version) != (name, version) {
                *plugin = new();
            }
            plugin.sha256.insert(target.to_owned(), sum.clone());
            changes.extend(Change::of(LIBRARY, library.as_str(), before.as_ref(), Some(sum)));
        }
        changes
    }

    /// Locks a tokenizer or a dataset, in the place of what had its name.
    pub(crate) fn lock_files(
        &mut self,
        kind: FileKind,
        name: &str,
        version: Option<String>,
        files: BTreeMap<String, Sum>,
    ) -> Vec<Change> {
        let all = match kind {
            FileKind::Tokenizer => &mut self.content.tokenizers,
            FileKind::Dataset => &mut self.content.datasets,
        };
        let name = name.trim_end_matches('/');
        let before = all.insert(name.to_owned(), LockedFiles { version, sha256: files.clone() });
        let before = before.map(|locked| locked.sha256).unwrap_or_default();
        let gone = before.iter().filter(|(file, _)| !files.contains_key(*file));
        let gone =
            gone.filter_map(|(file, sum)| Change::of(kind.name(), whole_name(name, file), Some(sum), None));
        let there = files.iter().filter_map(|(file, sum)| {
            Change::of(kind.name(), whole_name(name, file), before.get(file), Some(sum))
        });
        gone.chain(there).collect()
    }

    fn files(&self, kind: FileKind) -> &BTreeMap<String, LockedFiles> {
        match kind {
            FileKind::Tokenizer => &self.content.tokenizers,
            FileKind::Dataset => &self.content.datasets,
        }
    }
}

/// A name that a user has given, without what only says that it is a path.
fn plain(name: &str) -> &str {
    name.strip_prefix("./").unwrap_or(name)
}

/// Whether a file that was read is one of a locked thing: the thing itself, a file below it, or one of the cache of a model hub.
fn is_at(path: &Path, name: &str, file: &str) -> bool {
    let name = plain(name);
    let is_itself = path.ends_with(name) && Path::new(name).file_name() == Path::new(file).file_name();
    let in_cache = || {
        let repository = name.replace('/', "--");
        let is_repository =
            |part: &str| CACHED.iter().any(|kind| part.strip_prefix(kind) == Some(repository.as_str()));
        path.iter().filter_map(|part| part.to_str()).any(is_repository)
    };
    is_itself || path.ends_with(Path::new(name).join(file)) || (path.ends_with(file) && in_cache())
}

/// What a file of a locked thing is called in texts.
fn whole_name(name: &str, file: &str) -> String {
    let is_itself = Path::new(name).file_name() == Path::new(file).file_name();
    if is_itself { name.to_owned() } else { format!("{name}/{file}") }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HERE: &str = "x86_64-unknown-linux-gnu";
    const THERE: &str = "aarch64-unknown-linux-gnu";

    fn empty() -> Lockfile {
        Lockfile { path: "prony.lock".into(), content: Content::default() }
    }

    fn library(version: &str, bytes: &[u8]) -> LockedLibrary {
        LockedLibrary {
            library: "acme_chat".to_owned(),
            name: "acme-chat".to_owned(),
            version: version.to_owned(),
            sum: Sum::of(bytes),
        }
    }

    fn files(of: &[(&str, &str)]) -> BTreeMap<String, Sum> {
        of.iter().map(|(name, text)| ((*name).to_owned(), Sum::of(text.as_bytes()))).collect()
    }

    #[test]
    fn a_library_is_the_one_that_was_locked_for_this_platform() {
        let mut lock = empty();
        lock.lock_libraries(HERE, &[library("1.0.0", b"here")]);
        let check = |lock: &Lockfile, target, bytes: &[u8]| {
            lock.check_library("acme_chat", target, &Sum::of(bytes)).map_err(|breach| breach.to_string())
        };
        assert_eq!(check(&lock, HERE, b"here"), Ok(()));
        let (here, evil) = (Sum::of(b"here"), Sum::of(b"evil"));
        assert_eq!(
            check(&lock, HERE, b"evil").unwrap_err(),
            format!("`prony.lock` demands {here} of the plugin library `acme_chat`, and it is {evil}")
        );
        assert!(check(&lock, THERE, b"here").unwrap_err().contains("and not for aarch64-unknown-linux-gnu"));
        let other = lock.check_library("other", HERE, &here).unwrap_err();
        assert!(matches!(*other.0, Difference::Absent { .. }));
    }

    #[test]
    fn another_platform_adds_to_a_version_and_another_version_begins_anew() {
        let mut lock = empty();
        assert_eq!(lock.lock_libraries(HERE, &[library("1.0.0", b"here")]).len(), 1);
        lock.lock_libraries(THERE, &[library("1.0.0", b"there")]);
        assert!(lock.has_library("acme_chat", HERE) && lock.has_library("acme_chat", THERE));
        assert!(lock.lock_libraries(HERE, &[library("1.0.0", b"here")]).is_empty());

        let [change] = &lock.lock_libraries(HERE, &[library("1.1.0", b"new")])[..] else {
            panic!("{lock:?}")
        };
        assert_eq!(
            (change.before.clone(), change.after.clone()),
            (Some(Sum::of(b"here")), Some(Sum::of(b"new")))
        );
        assert!(lock.has_library("acme_chat", HERE) && !lock.has_library("acme_chat", THERE));

        let [change] = &lock.lock_libraries(HERE, &[])[..] else { panic!("{lock:?}") };
        assert!(change.to_string().starts_with("removed plugin library `acme_chat`"));
        assert_eq!(lock.counts()[0], (0, "plugin"));
    }

    #[rstest]
    #[case::a_file("data/day.jsonl", "day.jsonl", "/work/data/day.jsonl")]
    #[case::a_file_from_here("./day.jsonl", "day.jsonl", "/work/data/day.jsonl")]
    #[case::a_folder("models/llama", "tokenizer.json", "/work/models/llama/tokenizer.json")]
    #[case::below_a_folder("days", "may/1.jsonl", "/data/days/may/1.jsonl")]
    #[case::a_cache("org/Name", "tokenizer.json", "/hub/models--org--Name/snapshots/abc/tokenizer.json")]
    fn a_file_is_known_by_its_name(#[case] name: &str, #[case] file: &str, #[case] path: &str) {
        let mut lock = empty();
        lock.lock_files(FileKind::Dataset, name, None, files(&[(file, "first")]));
        let check =
            |text: &str| lock.check_file(FileKind::Dataset, Path::new(path), &Sum::of(text.as_bytes()));
        assert_eq!(check("first"), Ok(()));
        assert!(matches!(*check("second").unwrap_err().0, Difference::Changed { .. }));
    }

    #[test]
    fn under_another_name_the_content_counts() {
        let mut lock = empty();
        lock.lock_files(FileKind::Tokenizer, "a", None, files(&[("tokenizer.json", "one")]));
        let check = |kind, text: &str| lock.check_file(kind, Path::new("/b.json"), &Sum::of(text.as_bytes()));
        assert_eq!(check(FileKind::Tokenizer, "one"), Ok(()));
        assert!(matches!(*check(FileKind::Tokenizer, "two").unwrap_err().0, Difference::Absent { .. }));
        assert!(matches!(*check(FileKind::Dataset, "one").unwrap_err().0, Difference::Absent { .. }));
    }

    #[test]
    fn a_folder_that_lacks_a_file_is_not_whole() {
        let mut lock = empty();
        lock.lock_files(FileKind::Dataset, "days", None, files(&[("1.jsonl", "a"), ("2.jsonl", "b")]));
        let check = |found| lock.check_whole(FileKind::Dataset, Path::new("/w/days"), &found);
        assert_eq!(check(files(&[("1.jsonl", "a"), ("2.jsonl", "b")])), Ok(()));
        let breach = check(files(&[("1.jsonl", "a")])).unwrap_err();
        assert!(
            breach.to_string().contains("of the dataset `days/2.jsonl`, and it is not there"),
            "{breach}"
        );
    }
}
