//! Names of tokenizers and datasets, as model hubs have them, and the files on this machine that they mean. Nothing is fetched: a
//! name is looked up in a folder of the user's, and in the cache that the hub's own tools keep.

use std::{
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf},
};

use crate::explain::Explain;

/// What a model's folder must hold to be a tokenizer.
const TOKENIZER: &str = "tokenizer.json";

/// The revision that is meant where none is named.
const MAIN: &str = "main";

/// Ends of names of files that can be read as a dataset.
const READABLE: [&str; 3] = ["jsonl", "json", "csv"];
const PACKED: [&str; 3] = ["", ".gz", ".zst"];

/// How deep in a dataset's folder its files may be.
const DEEPEST: usize = 4;

/// Names that AIPerf has for datasets, the repository that each means, and the file in it.
const NAMES: [(&str, &str, &str); 1] =
    [("sharegpt", "anon8231489123/ShareGPT_Vicuna_unfiltered", "ShareGPT_V3_unfiltered_cleaned_split.json")];

/// The folders in which names are looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// The user's folder.
    data_dir: Option<PathBuf>,
    /// Hugging Face's cache.
    cache: Option<PathBuf>,
}

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tokenizer,
    Dataset,
}

/// Why a name means no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HubError {
    /// Nothing of this name is on the disk.
    #[error("find the {what} `{name}` on this machine: there is none in {}", listed(looked))]
    Missing { what: &'static str, name: String, looked: Vec<PathBuf>, hint: String },
    /// It is there, and not at this revision.
    #[error("find the revision `{revision}` of `{name}` in `{folder}`: there is {}", present(revisions))]
    NoRevision { name: String, revision: String, folder: PathBuf, revisions: Vec<String>, hint: &'static str },
    /// A folder without a file that can be read.
    #[error("find a file of the dataset `{name}` in `{folder}`: {what}")]
    NoFile { name: String, folder: PathBuf, what: String },
    /// A folder with several of them.
    #[error("choose a file of the dataset `{name}`: there are {}", listed(files))]
    SeveralFiles { name: String, files: Vec<PathBuf> },
    /// It cannot be looked at.
    #[error("look into `{path}`")]
    Unreadable { path: PathBuf, source: io::Error },
}

impl Explain for HubError {
    fn hint(&self) -> String {
        match self {
            Self::Missing { hint, .. } => hint.clone(),
            Self::NoRevision { hint, .. } => (*hint).to_owned(),
            Self::NoFile { .. } => {
                "convert it to JSON Lines, and name that file with `--input-file`".to_owned()
            }
            Self::SeveralFiles { .. } => "name one of them with `--input-file`".to_owned(),
            Self::Unreadable { .. } => "check its permissions".to_owned(),
        }
    }
}

impl Places {
    /// The user's folder, if one is named, and the cache as the environment says.
    pub(crate) fn new(data_dir: Option<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        let cache = folder("HF_HUB_CACHE")
            .or_else(|| folder("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| Some(folder("HF_HOME")?.join("hub")))
            .or_else(|| Some(home()?.join("huggingface").join("hub")));
        Self { data_dir, cache }
    }

    /// Folders that may hold what has this name, in the order in which they are looked into.
    fn of(&self, kind: Kind, name: &str) -> Vec<PathBuf> {
        let below = |folder: &PathBuf| folder.join(cache_name(kind, name));
        let own = self.data_dir.iter().flat_map(|folder| [folder.join(name), below(folder)]);
        own.chain(self.cache.iter().map(below)).collect()
    }
}

/// Whether this is a name and no path: a repository, with its owner or without.
pub(crate) fn is_name(text: &str) -> bool {
    let is_plain = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char))
    };
    let ends_like_a_file = Path::new(text).extension().is_some_and(|extension| extension == "json");
    text.split('/').count() <= 2 && text.split('/').all(is_plain) && !ends_like_a_file
}

/// A folder that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) folder: PathBuf,
    /// It is one of a cache, which has revisions.
    pub(crate) has_revisions: bool,
}

/// The folder with the tokenizer of a model. Where a place has it at other revisions only, the next one is looked into.
///
/// # Errors
/// It is not on this machine, or not at this revision.
pub(crate) fn tokenizer(name: &str, revision: Option<&str>, places: &Places) -> Result<Found, HubError> {
    let looked = places.of(Kind::Tokenizer, name);
    let mut elsewhere = None;
    for folder in &looked {
        let Some(found) = content(Kind::Tokenizer, name, folder, revision, &mut elsewhere)? else { continue };
        if found.folder.join(TOKENIZER).is_file() {
            return Ok(found);
        }
    }
    if let Some(error) = elsewhere {
        return Err(error);
    }
    let hint = format!(
        "prony fetches nothing from a model hub: put its `{TOKENIZER}` into `{name}` in the folder of `--data-dir`; where there \
         is a network, `hf download {name} {TOKENIZER} tokenizer_config.json` puts it into the cache"
    );
    Err(HubError::Missing { what: "tokenizer", name: name.to_owned(), looked, hint })
}

/// The file of a dataset.
///
/// # Errors
/// It is not on this machine, or it is no single file that can be read.
pub(crate) fn public_dataset(name: &str, places: &Places) -> Result<PathBuf, HubError> {
    let known = NAMES.iter().find(|(known, _, _)| *known == name);
    let repository = known.map_or(name, |(_, repository, _)| repository);
    let mut looked: Vec<PathBuf> = Vec::new();
    if let Some(folder) = &places.data_dir {
        for file in READABLE.iter().flat_map(|end| PACKED.map(|packed| format!("{name}.{end}{packed}"))) {
            let file = folder.join(file);
            if file.is_file() {
                return Ok(file);
            }
        }
        looked.push(folder.join(format!("{name}.jsonl")));
        if let Some(file) = known.map(|(_, _, file)| folder.join(file)).filter(|file| file.is_file()) {
            return Ok(file);
        }
    }
    let mut folders = places.of(Kind::Dataset, name);
    if known.is_some() {
        folders.extend(places.of(Kind::Dataset, repository));
    }
    let mut elsewhere = None;
    for folder in folders {
        if folder.is_dir() {
            let Some(Found { folder, .. }) = content(Kind::Dataset, name, &folder, None, &mut elsewhere)?
            else {
                continue;
            };
            return match known.map(|(_, _, file)| folder.join(file)).filter(|file| file.is_file()) {
                Some(file) => Ok(file),
                None => only_file(name, &folder),
            };
        }
        looked.push(folder);
    }
    if let Some(error) = elsewhere {
        return Err(error);
    }
    let hint = format!(
        "prony fetches nothing: put it as `{name}.jsonl` into the folder of `--data-dir`, or name its file with `--input-file`; \
         where there is a network, `hf download {repository} --repo-type dataset` puts it into the cache"
    );
    Err(HubError::Missing { what: "dataset", name: name.to_owned(), looked, hint })
}

/// The revision of a file that is in the cache of a model hub.
pub(crate) fn revision_of(file: &Path) -> Option<String> {
    let begins = cache_name(Kind::Dataset, "");
    let is_of_cache = |folder: &Path| {
        let repository = folder.parent()?.file_name()?.to_str()?;
        (folder.ends_with("snapshots") && repository.starts_with(&begins)).then_some(())
    };
    let revision = file.ancestors().find(|folder| folder.parent().and_then(is_of_cache).is_some())?;
    Some(revision.file_name()?.to_string_lossy().into_owned())
}

/// What a repository's folder in a hub's cache is called.
fn cache_name(kind: Kind, name: &str) -> String {
    let kind = match kind {
        Kind::Tokenizer => "models",
        Kind::Dataset => "datasets",
    };
    format!("{kind}--{}", name.replace('/', "--"))
}

/// What a repository's folder holds: its own files, or those at a revision in a cache; `None` where it has other revisions only,
/// of which the first are kept in `elsewhere`.
fn content(
    kind: Kind,
    name: &str,
    folder: &Path,
    revision: Option<&str>,
    elsewhere: &mut Option<HubError>,
) -> Result<Option<Found>, HubError> {
    match snapshot(kind, name, folder, revision) {
        Ok(Some(folder)) => Ok(Some(Found { folder, has_revisions: true })),
        Ok(None) => Ok(Some(Found { folder: folder.to_owned(), has_revisions: false })),
        Err(error @ HubError::NoRevision { .. }) => {
            elsewhere.get_or_insert(error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The content of a repository's folder in a hub's cache at a revision, which a file of that name says, or which is the name of
/// the content itself; `None` where the folder is none of a cache. A cache without the main revision may have only one.
fn snapshot(
    kind: Kind,
    name: &str,
    folder: &Path,
    revision: Option<&str>,
) -> Result<Option<PathBuf>, HubError> {
    let snapshots = folder.join("snapshots");
    if !snapshots.is_dir() {
        return Ok(None);
    }
    let wanted = revision.unwrap_or(MAIN);
    let commit = if is_below(wanted) { reference(&folder.join("refs").join(wanted))? } else { None };
    let named = commit.as_deref().map_or(wanted, str::trim);
    let content = snapshots.join(named);
    if is_below(named) && content.is_dir() {
        return Ok(Some(content));
    }
    let mut revisions: Vec<String> = entries(&snapshots)?
        .iter()
        .filter_map(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    match revisions.as_slice() {
        [only] if revision.is_none() => Ok(Some(snapshots.join(only))),
        _ => {
            revisions.sort_unstable();
            let (name, folder) = (name.to_owned(), folder.to_owned());
            let hint = match (kind, revision) {
                (Kind::Tokenizer, Some(_)) => "leave out `--tokenizer-revision`, or name one that is there",
                (Kind::Tokenizer, None) => "name one that is there with `--tokenizer-revision`",
                (Kind::Dataset, _) => "name a file of one that is there with `--input-file`",
            };
            Err(HubError::NoRevision { name, revision: wanted.to_owned(), folder, revisions, hint })
        }
    }
}

/// Whether a revision names something in a folder, and neither the folder nor what is outside.
fn is_below(revision: &str) -> bool {
    let mut parts = Path::new(revision).components();
    !revision.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// The commit that a reference means, if there is such a reference.
fn reference(path: &Path) -> Result<Option<String>, HubError> {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    match fs::read_to_string(path) {
        Ok(commit) => Ok(Some(commit)),
        // A commit, or the first part of the name of a branch.
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | IsADirectory) => Ok(None),
        Err(source) => Err(HubError::Unreadable { path: path.to_owned(), source }),
    }
}

/// The one file in a folder that can be read as a dataset.
fn only_file(name: &str, folder: &Path) -> Result<PathBuf, HubError> {
    let mut all = Vec::new();
    files(folder, DEEPEST, &mut all)?;
    let (mut readable, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|file| is_readable(file));
    match readable.len() {
        1 => Ok(readable.remove(0)),
        0 => {
            let is_parquet =
                |file: &PathBuf| file.extension().is_some_and(|extension| extension == "parquet");
            let what = if others.iter().any(is_parquet) {
                "its files are Parquet, which prony does not read"
            } else {
                "there is no JSON, JSON Lines or CSV"
            };
            Err(HubError::NoFile { name: name.to_owned(), folder: folder.to_owned(), what: what.to_owned() })
        }
        _ => {
            readable.sort_unstable();
            Err(HubError::SeveralFiles { name: name.to_owned(), files: readable })
        }
    }
}

/// A file of data, and none that describes the dataset.
fn is_readable(file: &Path) -> bool {
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else { return false };
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
    let describes = ["dataset_infos.json", "dataset_info.json", "state.json"];
    READABLE.iter().any(|end| plain.ends_with(&format!(".{end}"))) && !describes.contains(&plain)
}

fn files(folder: &Path, deepest: usize, found: &mut Vec<PathBuf>) -> Result<(), HubError> {
    for path in entries(folder)? {
        if path.is_file() {
            found.push(path);
        } else if deepest > 0 && path.is_dir() {
            files(&path, deepest - 1, found)?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, HubError> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    read().map_err(|source| HubError::Unreadable { path: folder.to_owned(), source })
}

/// Paths in the words of an error.
fn listed(paths: &[PathBuf]) -> String {
    match paths {
        [] => "any place: neither `--data-dir` nor a home folder is set".to_owned(),
        paths => paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", "),
    }
}

fn present(revisions: &[String]) -> String {
    if revisions.is_empty() { "none".to_owned() } else { format!("only `{}`", revisions.join("`, `")) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;

    /// A folder with these files.
    fn folder(files: &[&str]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for file in files {
            let (path, content) = file.split_once('=').unwrap_or((file, "x"));
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn places(data_dir: Option<&TempDir>, cache: Option<&TempDir>) -> Places {
        let path = |folder: &TempDir| folder.path().to_owned();
        Places { data_dir: data_dir.map(path), cache: cache.map(path) }
    }

    fn below(found: Result<PathBuf, HubError>, folder: &TempDir) -> String {
        let shown = |text: String| text.replace(&folder.path().display().to_string(), "DIR");
        match found {
            Ok(path) => shown(path.display().to_string()),
            Err(error) => shown(format!("failed to {error}\n    {}", error.hint())),
        }
    }

    fn folder_of(name: &str, revision: Option<&str>, places: &Places) -> Result<PathBuf, HubError> {
        tokenizer(name, revision, places).map(|found| found.folder)
    }

    #[rstest]
    #[case::in_the_cache("/hub/datasets--o--n/snapshots/abc/data/1.jsonl", Some("abc"))]
    #[case::in_the_folder_of_data("/data/o/n/1.jsonl", None)]
    #[case::in_a_folder_called_so("/data/snapshots/abc/1.jsonl", None)]
    fn a_file_of_the_cache_has_a_revision(#[case] file: &str, #[case] expected: Option<&str>) {
        assert_eq!(revision_of(Path::new(file)).as_deref(), expected);
    }

    const CACHE: [&str; 4] = [
        "models--o--n/refs/main=abc\n",
        "models--o--n/refs/v1=def",
        "models--o--n/snapshots/abc/tokenizer.json",
        "models--o--n/snapshots/def/tokenizer.json",
    ];

    #[rstest]
    #[case::main(None, "DIR/models--o--n/snapshots/abc")]
    #[case::a_branch(Some("v1"), "DIR/models--o--n/snapshots/def")]
    #[case::a_commit(Some("def"), "DIR/models--o--n/snapshots/def")]
    fn a_tokenizer_is_found_in_the_hubs_cache(#[case] revision: Option<&str>, #[case] expected: &str) {
        let cache = folder(&CACHE);
        assert_eq!(below(folder_of("o/n", revision, &places(None, Some(&cache))), &cache), expected);
    }

    #[test]
    fn a_revision_that_is_not_there_is_refused_with_those_that_are() {
        let cache = folder(&CACHE);
        insta::assert_snapshot!(below(folder_of("o/n", Some("v2"), &places(None, Some(&cache))), &cache), @r"
        failed to find the revision `v2` of `o/n` in `DIR/models--o--n`: there is only `abc`, `def`
            leave out `--tokenizer-revision`, or name one that is there
        ");
    }

    #[rstest]
    #[case::nothing("", &CACHE)]
    #[case::the_folder_itself(".", &CACHE)]
    #[case::outside("..", &CACHE)]
    #[case::an_empty_reference("v3", &["models--o--n/refs/v3=", "models--o--n/snapshots/abc/tokenizer.json"])]
    #[case::a_part_of_a_name("pr", &["models--o--n/refs/pr/1=abc", "models--o--n/snapshots/abc/tokenizer.json"])]
    fn what_names_no_revision_is_refused(#[case] revision: &str, #[case] files: &[&str]) {
        let cache = folder(files);
        let error = tokenizer("o/n", Some(revision), &places(None, Some(&cache))).unwrap_err();
        assert!(matches!(error, HubError::NoRevision { .. }), "{error}");
    }

    #[test]
    fn a_reference_that_cannot_be_read_is_told() {
        let cache = folder(&CACHE);
        fs::write(cache.path().join("models--o--n/refs/main"), [0xff]).unwrap();
        let error = tokenizer("o/n", None, &places(None, Some(&cache))).unwrap_err();
        assert!(
            matches!(&error, HubError::Unreadable { path, .. } if path.ends_with("refs/main")),
            "{error}"
        );
    }

    #[test]
    fn what_one_place_has_at_other_revisions_only_is_looked_for_in_the_next() {
        let several = [
            "models--o--n/snapshots/x/tokenizer.json",
            "models--o--n/snapshots/y/tokenizer.json",
            "datasets--o--d/snapshots/x/d.jsonl",
            "datasets--o--d/snapshots/y/d.jsonl",
        ];
        let (own, cache) = (folder(&several), folder(&CACHE));
        let found = tokenizer("o/n", None, &places(Some(&own), Some(&cache))).unwrap();
        assert_eq!(
            found,
            Found { folder: cache.path().join("models--o--n/snapshots/abc"), has_revisions: true }
        );
        let error = tokenizer("o/n", None, &places(Some(&own), None)).unwrap_err();
        assert_eq!(error.hint(), "name one that is there with `--tokenizer-revision`");
        let error = public_dataset("o/d", &places(Some(&own), None)).unwrap_err();
        assert!(
            matches!(error, HubError::NoRevision { .. }) && !error.hint().contains("revision"),
            "{error}"
        );
        let cache = folder(&["datasets--o--d/snapshots/x/d.jsonl"]);
        let found = public_dataset("o/d", &places(Some(&own), Some(&cache))).unwrap();
        assert_eq!(found, cache.path().join("datasets--o--d/snapshots/x/d.jsonl"));
    }

    #[test]
    fn the_users_folder_comes_first() {
        let (own, cache) = (folder(&["o/n/tokenizer.json"]), folder(&CACHE));
        let found = folder_of("o/n", None, &places(Some(&own), Some(&cache)));
        assert_eq!(below(found, &own), "DIR/o/n");
    }

    #[test]
    fn what_is_nowhere_is_told_with_the_places() {
        let cache = folder(&["models--o--n/snapshots/abc/config.json"]);
        insta::assert_snapshot!(below(folder_of("o/n", None, &places(None, Some(&cache))), &cache), @r"
        failed to find the tokenizer `o/n` on this machine: there is none in `DIR/models--o--n`
            prony fetches nothing from a model hub: put its `tokenizer.json` into `o/n` in the folder of `--data-dir`; where there is a network, `hf download o/n tokenizer.json tokenizer_config.json` puts it into the cache
        ");
        insta::assert_snapshot!(below(public_dataset("o/d", &places(Some(&cache), None)), &cache), @r"
        failed to find the dataset `o/d` on this machine: there is none in `DIR/o/d.jsonl`, `DIR/o/d`, `DIR/datasets--o--d`
            prony fetches nothing: put it as `o/d.jsonl` into the folder of `--data-dir`, or name its file with `--input-file`; where there is a network, `hf download o/d --repo-type dataset` puts it into the cache
        ");
    }

    #[rstest]
    #[case::a_file("d", &["d.jsonl.gz"], "DIR/d.jsonl.gz")]
    #[case::a_folder("o/d", &["o/d/data/train.jsonl", "o/d/README.md", "o/d/dataset_infos.json"], "DIR/o/d/data/train.jsonl")]
    #[case::in_the_cache("o/d", &["datasets--o--d/snapshots/abc/d.json"], "DIR/datasets--o--d/snapshots/abc/d.json")]
    #[case::a_known_name(
        "sharegpt",
        &[
            "datasets--anon8231489123--ShareGPT_Vicuna_unfiltered/snapshots/abc/ShareGPT_V3_unfiltered_cleaned_split.json",
            "datasets--anon8231489123--ShareGPT_Vicuna_unfiltered/snapshots/abc/other.json",
        ],
        "DIR/datasets--anon8231489123--ShareGPT_Vicuna_unfiltered/snapshots/abc/ShareGPT_V3_unfiltered_cleaned_split.json"
    )]
    fn a_dataset_is_found(#[case] name: &str, #[case] files: &[&str], #[case] expected: &str) {
        let own = folder(files);
        assert_eq!(below(public_dataset(name, &places(Some(&own), None)), &own), expected);
    }

    #[rstest]
    #[case::parquet(&["o/d/a.parquet"], "Parquet")]
    #[case::nothing(&["o/d/README.md"], "no JSON")]
    #[case::several(&["o/d/a.jsonl", "o/d/b.jsonl"], "`DIR/o/d/a.jsonl`, `DIR/o/d/b.jsonl`")]
    fn a_folder_without_the_one_file_is_refused(#[case] files: &[&str], #[case] text: &str) {
        let own = folder(files);
        let error = below(public_dataset("o/d", &places(Some(&own), None)), &own);
        assert!(error.contains(text) && error.contains("--input-file"), "{error}");
    }

    #[rstest]
    #[case::its_own(&[("HF_HUB_CACHE", "/a"), ("HF_HOME", "/b"), ("HOME", "/h")], Some("/a"))]
    #[case::of_its_home(&[("HF_HOME", "/b"), ("HOME", "/h")], Some("/b/hub"))]
    #[case::of_the_systems(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")], Some("/c/huggingface/hub"))]
    #[case::by_default(&[("HF_HOME", ""), ("HOME", "/h")], Some("/h/.cache/huggingface/hub"))]
    #[case::nowhere(&[], None)]
    fn the_cache_is_where_the_hubs_tools_have_it(#[case] set: &[(&str, &str)], #[case] cache: Option<&str>) {
        let variable = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        assert_eq!(Places::new(None, variable).cache, cache.map(PathBuf::from));
    }

    #[rstest]
    #[case("org/Name-7B.v2", true)]
    #[case("gpt2", true)]
    #[case("./here", false)]
    #[case("/a/b", false)]
    #[case("a/b/c", false)]
    #[case("a/tokenizer.json", false)]
    #[case("", false)]
    fn names_look_like_repositories(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_name(text), expected);
    }
}
