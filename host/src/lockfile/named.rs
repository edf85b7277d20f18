//! [`Named`]: where the files of a locked thing may be. A lock file has names as users gave them, and what is read has a path. Pure.

use std::{
    ffi::OsStr,
    path::{self, Component, Path, PathBuf},
};

use super::{Files, Sum};

/// The folder with the files of a session's agents: it is in a folder that has the name of the session's file, without its
/// extension.
pub(crate) const OF_A_SESSION: &str = "subagents";

/// What stands before the name of a repository in the folders of the Hugging Face cache.
const CACHED: [&str; 2] = ["models--", "datasets--"];

/// A locked thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    name: &'a str,
    files: &'a Files,
}

impl<'a> Named<'a> {
    pub(super) fn new(name: &'a str, files: &'a Files) -> Self {
        Self { name, files }
    }

    /// Whether its name is that of a file, beside which its other files are, and not that of a folder.
    pub(super) fn is_file(self) -> bool {
        let own = Path::new(self.name).file_name().and_then(OsStr::to_str);
        own.is_some_and(|own| self.files.contains_key(own))
    }

    /// What one of its files is called in texts.
    pub(super) fn name_of(self, file: &str) -> String {
        if self.is_file() {
            Path::new(self.name).with_file_name(file).display().to_string()
        } else {
            format!("{}/{file}", self.name)
        }
    }

    /// Whether what was read from a path, which is [`absolute`], is this one of its files: below it, beside it, or in the cache of a
    /// model hub.
    pub(super) fn is_at(self, path: &Path, file: &str) -> bool {
        let name = cleaned(Path::new(self.name));
        let is_beside = self.is_file() || has_base(file, &name);
        path.ends_with(name.join(file))
            || (is_beside && path.ends_with(name.with_file_name(file)))
            || (path.ends_with(file) && is_cached(path, &name))
    }

    /// Its files that belong to a path, which is [`absolute`]: all of them, those of a folder in it, or a file with what belongs to
    /// that. Their names begin in the folder, or beside the file. None where the path has nothing to do with it.
    pub(super) fn parts_at(self, path: &Path, is_folder: bool) -> Vec<Files> {
        if is_folder {
            return self.folders_at(path);
        }
        self.files.keys().filter(|file| self.is_at(path, file)).map(|file| self.part_of(file)).collect()
    }

    fn folders_at(self, path: &Path) -> Vec<Files> {
        let name = cleaned(Path::new(self.name));
        // A name such as `.` says nothing of where it is, but for what is below it.
        let is_empty = name.as_os_str().is_empty();
        let is_it = |folder: &Path| {
            let is_named = if is_empty { folder != path } else { folder.ends_with(&name) };
            is_named || is_cached(folder, &name)
        };
        let folders = path.ancestors().filter(|folder| is_it(folder));
        let parts = folders.filter_map(|folder| path.strip_prefix(folder).ok());
        parts.map(|root| self.below(root, |_| true)).filter(|files| !files.is_empty()).collect()
    }

    /// A file, with what belongs to it.
    fn part_of(self, file: &str) -> Files {
        let file = Path::new(file);
        let own = file.with_extension("").join(OF_A_SESSION);
        self.below(file.parent().unwrap_or(Path::new("")), |one| one == file || one.starts_with(&own))
    }

    /// Those below a folder of it that are asked for.
    fn below(self, root: &Path, is_asked_for: impl Fn(&Path) -> bool) -> Files {
        let files = self.files.iter().filter(|(file, _)| is_asked_for(Path::new(file)));
        let named = files.filter_map(|(file, sum): (&String, &Sum)| {
            let file = Path::new(file).strip_prefix(root).ok()?;
            Some((file.to_str()?.to_owned(), sum.clone()))
        });
        named.collect()
    }
}

/// A path from the root, without `.` and `..`. Where links lead elsewhere it is another one: names are found by it, and no file is
/// opened.
pub(super) fn absolute(path: &Path) -> PathBuf {
    cleaned(&path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

fn cleaned(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                cleaned.pop();
            }
            _ => cleaned.push(part),
        }
    }
    cleaned
}

/// Whether a file has the last part of a name, and an extension, as `Name.jsonl` of the dataset `org/Name` in the folder of data.
fn has_base(file: &str, name: &Path) -> bool {
    let base = name.file_name().and_then(OsStr::to_str);
    base.and_then(|base| file.strip_prefix(base)).is_some_and(|rest| rest.starts_with('.'))
}

/// Whether a path is in the folder that the cache of a model hub has for this name.
fn is_cached(path: &Path, name: &Path) -> bool {
    let repository = name.to_str().unwrap_or_default().replace('/', "--");
    let is_repository =
        |part: &str| CACHED.iter().any(|kind| part.strip_prefix(kind) == Some(repository.as_str()));
    !repository.is_empty() && path.iter().filter_map(OsStr::to_str).any(is_repository)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn files(names: &[&str]) -> Files {
        names.iter().map(|name| ((*name).to_owned(), Sum::of(name.as_bytes()))).collect()
    }

    #[rstest]
    #[case::a_folder("days", "/w/days", true, &["1.jsonl", "may/2.jsonl"])]
    #[case::from_another_folder("../w/./days", "/w/days", true, &["1.jsonl", "may/2.jsonl"])]
    #[case::a_folder_in_it("days", "/w/days/may", true, &["2.jsonl"])]
    #[case::a_file_in_it("days", "/w/days/may/2.jsonl", false, &["2.jsonl"])]
    #[case::in_a_folder_without_a_name(".", "/w/may", true, &["2.jsonl"])]
    #[case::in_a_cache("o/n", "/hub/datasets--o--n/snapshots/abc/1.jsonl", false, &["1.jsonl"])]
    fn a_path_has_a_part_of_what_is_locked(
        #[case] name: &str,
        #[case] path: &str,
        #[case] is_folder: bool,
        #[case] expected: &[&str],
    ) {
        let locked = files(&["1.jsonl", "may/2.jsonl"]);
        let [part] = &Named::new(name, &locked).parts_at(Path::new(path), is_folder)[..] else {
            panic!("{path}")
        };
        assert_eq!(part.keys().collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case::a_folder_of_another_name("days", "/w/nights", true)]
    #[case::a_folder_without_a_name(".", "/w/days", true)]
    #[case::a_file_of_another_name("days", "/w/days/3.jsonl", false)]
    fn a_path_has_nothing_to_do_with_what_is_locked(
        #[case] name: &str,
        #[case] path: &str,
        #[case] is_folder: bool,
    ) {
        let locked = files(&["1.jsonl", "may/2.jsonl"]);
        assert!(Named::new(name, &locked).parts_at(Path::new(path), is_folder).is_empty());
    }

    #[test]
    fn a_session_has_the_files_of_its_agents() {
        let locked = files(&["s.jsonl", "s/subagents/a.jsonl", "t.jsonl"]);
        let [part] = &Named::new("d", &locked).parts_at(Path::new("/d/s.jsonl"), false)[..] else {
            panic!("{locked:?}")
        };
        assert_eq!(part.keys().collect::<Vec<_>>(), ["s.jsonl", "s/subagents/a.jsonl"]);
        let own = Named::new("d/s.jsonl", &locked);
        assert!(own.is_at(Path::new("/d/s/subagents/a.jsonl"), "s/subagents/a.jsonl"));
        assert_eq!(own.name_of("s/subagents/a.jsonl"), "d/s/subagents/a.jsonl");
    }

    #[test]
    fn a_dataset_of_the_folder_of_data_has_its_name_with_an_extension() {
        let locked = files(&["n.jsonl"]);
        assert!(Named::new("o/n", &locked).is_at(Path::new("/data/o/n.jsonl"), "n.jsonl"));
        assert!(!Named::new("o/n", &locked).is_at(Path::new("/data/p/n.jsonl"), "n.jsonl"));
    }
}
