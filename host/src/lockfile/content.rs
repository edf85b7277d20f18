//! [`Lockfile`]: what is locked, and whether something is as it was locked. Pure: it reads no file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Breach, Change, Files, Sum,
    breach::{Difference, LockName, Whose},
    named::{Named, absolute},
};

/// What a plugin's library is called in texts.
const LIBRARY: &str = "plugin library";

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
    sha256: Files,
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

impl Content {
    /// One that locks nothing yet.
    pub(super) fn of_version(lock_version: u32) -> Self {
        Self { lock_version, ..Self::default() }
    }
}

/// What may be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lockfile {
    /// Its file.
    pub(super) path: PathBuf,
    /// Who has written it.
    pub(super) whose: Whose,
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

    /// The same for agents, as the lock of their controller: without tokenizers and datasets, for agents are sent what was checked of
    /// these.
    pub(crate) fn of_libraries(&self) -> Self {
        let Content { lock_version, plugins, .. } = &self.content;
        let content = Content { plugins: plugins.clone(), ..Content::of_version(*lock_version) };
        Self { path: self.path.clone(), whose: Whose::Controllers, content }
    }

    fn called(&self) -> LockName {
        LockName::new(&self.path, self.whose)
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
        let (lock, what, name) = (self.called(), LIBRARY, library.to_owned());
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

    /// Checks one file of a tokenizer or a dataset. Where its name is that of several that are locked, it may be any of them; where it
    /// is that of none, any file with this content will do.
    ///
    /// # Errors
    /// It is not what was locked.
    pub(crate) fn check_file(&self, kind: FileKind, path: &Path, found: &Sum) -> Result<(), Breach> {
        let path = absolute(path);
        let files = self
            .named(kind)
            .flat_map(|(named, files)| files.iter().map(move |(file, sum)| (named, file.as_str(), sum)));
        let files: Vec<(Named<'_>, &str, &Sum)> = files.collect();
        let has_its_name = |(named, file, _): &&(Named<'_>, &str, &Sum)| named.is_at(&path, file);
        let has_its_sum = |(_, _, sum): &&(Named<'_>, &str, &Sum)| *sum == found;
        let of_its_name: Vec<_> = files.iter().filter(has_its_name).collect();
        let (lock, what) = (self.called(), kind.name());
        match of_its_name.iter().max_by_key(|(_, file, _)| file.len()) {
            Some(_) if of_its_name.iter().copied().any(|file| has_its_sum(&file)) => Ok(()),
            Some((named, file, expected)) => {
                let (expected, found) = ((*expected).clone(), found.clone());
                Err(Difference::Changed { lock, what, name: named.name_of(file), expected, found }.into())
            }
            None if files.iter().any(|file| has_its_sum(&file)) => Ok(()),
            None => {
                let name = path.display().to_string();
                Err(Difference::Absent { lock, what, name, found: found.clone() }.into())
            }
        }
    }

    /// Checks all files of a folder, or a file with those that belong to it: they are what is locked under its name, no more and no
    /// less; where that name is not locked, they are all of something that is.
    ///
    /// # Errors
    /// One has another content, is not there, or is not locked.
    pub(crate) fn check_whole(
        &self,
        kind: FileKind,
        path: &Path,
        is_folder: bool,
        found: &Files,
    ) -> Result<(), Breach> {
        let path = absolute(path);
        let parts = self.named(kind).flat_map(|(named, _)| named.parts_at(&path, is_folder));
        let parts: Vec<Files> = parts.collect();
        let is_locked = if parts.is_empty() {
            self.named(kind).any(|(named, files)| is_the_same(named, files, is_folder, found))
        } else {
            parts.contains(found)
        };
        if is_locked {
            return Ok(());
        }
        let nearest = if parts.is_empty() {
            let all = self.named(kind).map(|(_, files)| files);
            all.max_by_key(|files| nearness(files, found)).filter(|files| nearness(files, found) > (0, 0))
        } else {
            parts.iter().max_by_key(|files| nearness(files, found))
        };
        let name_of = |file: &str| {
            let path = if is_folder { path.join(file) } else { path.with_file_name(file) };
            path.display().to_string()
        };
        let difference = match nearest {
            Some(locked) => self.difference(kind, name_of, locked, found),
            None => self.difference(kind, name_of, &Files::new(), found),
        };
        difference.map_or(Ok(()), |difference| Err(difference.into()))
    }

    /// The first difference between files that are locked and those that there are.
    fn difference(
        &self,
        kind: FileKind,
        name_of: impl Fn(&str) -> String,
        locked: &Files,
        found: &Files,
    ) -> Option<Difference> {
        let (lock, what) = (self.called(), kind.name());
        let mut both = locked.iter().filter_map(|(file, sum)| Some((file, sum, found.get(file)?)));
        if let Some((file, expected, found)) = both.find(|(_, expected, found)| expected != found) {
            let (name, expected, found) = (name_of(file), expected.clone(), found.clone());
            return Some(Difference::Changed { lock, what, name, expected, found });
        }
        if let Some((file, expected)) = locked.iter().find(|(file, _)| !found.contains_key(*file)) {
            let (name, expected) = (name_of(file), expected.clone());
            return Some(Difference::Gone { lock, what, name, expected });
        }
        let (file, sum) = found.iter().find(|(file, _)| !locked.contains_key(*file))?;
        Some(Difference::Absent { lock, what, name: name_of(file), found: sum.clone() })
    }

    /// Locks libraries of a platform, and keeps what is locked for others. One of another version is another library, whose earlier
    /// platforms are forgotten. Of libraries that are locked and not given, those stay that are to be kept.
    pub(crate) fn lock_libraries(
        &mut self,
        target: &str,
        libraries: &[LockedLibrary],
        is_kept: impl Fn(&str) -> bool,
    ) -> Vec<Change> {
        let plugins = &mut self.content.plugins;
        let mut changes = Vec::new();
        for (library, plugin) in plugins.iter_mut() {
            if !libraries.iter().any(|known| known.library == *library) && !is_kept(library) {
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
                let others = plugin.sha256.iter().filter(|(platform, _)| *platform != target);
                changes.extend(others.filter_map(|(platform, sum)| {
                    Change::of(LIBRARY, format!("{library} for {platform}"), Some(sum), None)
                }));
                if before.as_ref() == Some(sum) {
                    changes.push(Change::of_version(LIBRARY, library.as_str()));
                }
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
        files: Files,
    ) -> Vec<Change> {
        let all = match kind {
            FileKind::Tokenizer => &mut self.content.tokenizers,
            FileKind::Dataset => &mut self.content.datasets,
        };
        let name = name.trim_end_matches('/');
        let before = all.remove(name);
        let is_other_version = before.as_ref().is_some_and(|locked| locked.version != version);
        let before = before.map(|locked| locked.sha256).unwrap_or_default();
        let (named, named_before) = (Named::new(name, &files), Named::new(name, &before));
        let gone = before.iter().filter(|(file, _)| !files.contains_key(*file));
        let gone = gone
            .filter_map(|(file, sum)| Change::of(kind.name(), named_before.name_of(file), Some(sum), None));
        let there = files.iter().filter_map(|(file, sum)| {
            Change::of(kind.name(), named.name_of(file), before.get(file), Some(sum))
        });
        let of_version = is_other_version.then(|| Change::of_version(kind.name(), name));
        let changes = gone.chain(there).chain(of_version).collect();
        all.insert(name.to_owned(), LockedFiles { version, sha256: files });
        changes
    }

    fn named(&self, kind: FileKind) -> impl Iterator<Item = (Named<'_>, &Files)> {
        self.files(kind).iter().map(|(name, locked)| (Named::new(name, &locked.sha256), &locked.sha256))
    }

    fn files(&self, kind: FileKind) -> &BTreeMap<String, LockedFiles> {
        match kind {
            FileKind::Tokenizer => &self.content.tokenizers,
            FileKind::Dataset => &self.content.datasets,
        }
    }
}

/// Whether files that have no name in the lock are those that are locked under another: all of a folder, a file with what belongs to
/// it, or one file of a folder.
fn is_the_same(named: Named<'_>, locked: &Files, is_folder: bool, found: &Files) -> bool {
    if is_folder {
        return locked == found;
    }
    let sorted = |files: &Files| {
        let mut sums: Vec<Sum> = files.values().cloned().collect();
        sums.sort_unstable();
        sums
    };
    let is_one_of_a_folder =
        || found.len() == 1 && !named.is_file() && found.values().all(|sum| has_sum(locked, sum));
    sorted(locked) == sorted(found) || is_one_of_a_folder()
}

fn has_sum(files: &Files, sum: &Sum) -> bool {
    files.values().any(|known| known == sum)
}

/// How much two sets of files are alike: names with their sums, and names.
fn nearness(locked: &Files, found: &Files) -> (usize, usize) {
    let same = found.iter().filter(|(file, sum)| locked.get(*file) == Some(*sum));
    (same.count(), found.keys().filter(|file| locked.contains_key(*file)).count())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::explain::Explain;

    const HERE: &str = "x86_64-unknown-linux-gnu";
    const THERE: &str = "aarch64-unknown-linux-gnu";

    fn empty() -> Lockfile {
        Lockfile { path: "prony.lock".into(), whose: Whose::Own, content: Content::default() }
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
        lock.lock_libraries(HERE, &[library("1.0.0", b"here")], |_| true);
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
        assert_eq!(lock.lock_libraries(HERE, &[library("1.0.0", b"here")], |_| true).len(), 1);
        lock.lock_libraries(THERE, &[library("1.0.0", b"there")], |_| true);
        assert!(lock.has_library("acme_chat", HERE) && lock.has_library("acme_chat", THERE));
        assert!(lock.lock_libraries(HERE, &[library("1.0.0", b"here")], |_| true).is_empty());

        let [lost, change] = &lock.lock_libraries(HERE, &[library("1.1.0", b"new")], |_| true)[..] else {
            panic!("{lock:?}")
        };
        assert!(lost.to_string().starts_with("removed plugin library `acme_chat for aarch64-"), "{lost}");
        assert_eq!(
            (change.before.clone(), change.after.clone()),
            (Some(Sum::of(b"here")), Some(Sum::of(b"new")))
        );
        assert!(lock.has_library("acme_chat", HERE) && !lock.has_library("acme_chat", THERE));

        assert!(lock.lock_libraries(HERE, &[], |library| library == "acme_chat").is_empty());
        assert!(lock.has_library("acme_chat", HERE));
        let [change] = &lock.lock_libraries(HERE, &[], |_| false)[..] else { panic!("{lock:?}") };
        assert!(change.to_string().starts_with("removed plugin library `acme_chat`"));
        assert_eq!(lock.counts()[0], (0, "plugin"));
    }

    #[rstest]
    #[case::a_file("data/day.jsonl", "day.jsonl", "/srv/data/day.jsonl")]
    #[case::a_file_from_here("./day.jsonl", "day.jsonl", "/srv/data/day.jsonl")]
    #[case::a_folder("models/llama", "tokenizer.json", "/srv/models/llama/tokenizer.json")]
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
    fn what_is_sent_to_others_has_the_libraries_and_nothing_else() {
        let mut lock = empty();
        lock.lock_libraries(HERE, &[library("1.0.0", b"here")], |_| true);
        lock.lock_files(FileKind::Dataset, "a", None, files(&[("a.jsonl", "one")]));
        let sent = lock.of_libraries();
        assert!(sent.has_library("acme_chat", HERE));
        assert_eq!(sent.counts(), [(1, "plugin"), (0, "tokenizer"), (0, "dataset")]);
        let breach = sent.check_library("other", HERE, &Sum::of(b"other")).unwrap_err();
        assert!(breach.to_string().starts_with("the lock of the controller has no plugin library `other`"));
        assert!(
            breach.hint().contains("copy the controller's lock file to the agent's machine"),
            "{}",
            breach.hint()
        );
    }

    #[test]
    fn a_version_alone_is_a_change() {
        let mut lock = empty();
        let mut changes = |version: &str| {
            let files = files(&[("tokenizer.json", "a")]);
            lock.lock_files(FileKind::Tokenizer, "o/n", Some(version.to_owned()), files).len()
        };
        assert_eq!([changes("1"), changes("1"), changes("2")], [1, 0, 1]);
    }

    #[test]
    fn one_name_may_be_that_of_two() {
        let mut lock = empty();
        lock.lock_files(FileKind::Tokenizer, "tokenizer.json", None, files(&[("tokenizer.json", "one")]));
        lock.lock_files(FileKind::Tokenizer, "o/n", None, files(&[("tokenizer.json", "two")]));
        let of_session = files(&[("a.jsonl", "one"), ("a/subagents/a.jsonl", "two")]);
        lock.lock_files(FileKind::Dataset, "a.jsonl", None, of_session);
        let check = |kind, path: &str, text: &str| {
            lock.check_file(kind, Path::new(path), &Sum::of(text.as_bytes())).is_ok()
        };
        let cached = "/hub/models--o--n/snapshots/abc/tokenizer.json";
        assert!(check(FileKind::Tokenizer, cached, "two") && !check(FileKind::Tokenizer, cached, "three"));
        assert!(
            check(FileKind::Dataset, "/w/a.jsonl", "one") && !check(FileKind::Dataset, "/w/a.jsonl", "two")
        );
        assert!(check(FileKind::Dataset, "/w/a/subagents/a.jsonl", "two"));
    }

    #[rstest]
    #[case::as_it_was("/w/days", &[("1.jsonl", "a"), ("2.jsonl", "b")], None)]
    #[case::under_another_name("/w/other", &[("1.jsonl", "a"), ("2.jsonl", "b")], None)]
    #[case::one_is_gone("/w/days", &[("1.jsonl", "a")], Some("of the dataset `/w/days/2.jsonl`, and it is not there"))]
    #[case::one_is_a_copy(
        "/w/days",
        &[("1.jsonl", "a"), ("2.jsonl", "b"), ("3.jsonl", "a")],
        Some("has no dataset `/w/days/3.jsonl`")
    )]
    #[case::two_are_swapped("/w/days", &[("1.jsonl", "b"), ("2.jsonl", "a")], Some("of the dataset `/w/days/1.jsonl`, and it is sha256-"))]
    #[case::a_copy_under_another_name(
        "/w/other",
        &[("1.jsonl", "a"), ("2.jsonl", "b"), ("3.jsonl", "a")],
        Some("has no dataset `/w/other/3.jsonl`")
    )]
    #[case::something_else("/w/other", &[("x", "y")], Some("has no dataset `/w/other/x`"))]
    fn a_folder_has_all_files_that_are_locked_and_no_others(
        #[case] path: &str,
        #[case] found: &[(&str, &str)],
        #[case] expected: Option<&str>,
    ) {
        let mut lock = empty();
        lock.lock_files(FileKind::Dataset, "days", None, files(&[("1.jsonl", "a"), ("2.jsonl", "b")]));
        let checked = lock.check_whole(FileKind::Dataset, Path::new(path), true, &files(found));
        let breach = checked.err().map(|breach| breach.to_string());
        let is_expected = match (&breach, expected) {
            (Some(breach), Some(expected)) => breach.contains(expected),
            (breach, expected) => breach.is_none() && expected.is_none(),
        };
        assert!(is_expected, "{breach:?}");
    }

    #[rstest]
    #[case::as_it_was("/w/s.jsonl", &[("s.jsonl", "a"), ("s/subagents/1.jsonl", "b")], true)]
    #[case::under_another_name("/w/t.jsonl", &[("t.jsonl", "a"), ("t/subagents/1.jsonl", "b")], true)]
    #[case::an_agent_is_gone("/w/s.jsonl", &[("s.jsonl", "a")], false)]
    #[case::an_agent_is_gone_under_another_name("/w/t.jsonl", &[("t.jsonl", "a")], false)]
    #[case::an_agent_is_new(
        "/w/s.jsonl",
        &[("s.jsonl", "a"), ("s/subagents/1.jsonl", "b"), ("s/subagents/2.jsonl", "b")],
        false
    )]
    fn a_file_has_all_that_belongs_to_it(
        #[case] path: &str,
        #[case] found: &[(&str, &str)],
        #[case] is_whole: bool,
    ) {
        let mut lock = empty();
        let of_session = files(&[("s.jsonl", "a"), ("s/subagents/1.jsonl", "b")]);
        lock.lock_files(FileKind::Dataset, "s.jsonl", None, of_session);
        let checked = lock.check_whole(FileKind::Dataset, Path::new(path), false, &files(found));
        assert_eq!(checked.is_ok(), is_whole, "{checked:?}");
    }
}
