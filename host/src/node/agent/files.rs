//! Files that a plan and the lines of its dataset name, on their way to agents: by what is in them, through the object store. An agent
//! that has a file has it once.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::error::AgentError;
use crate::{
    bounded,
    dataset::Source,
    nats::Blobs,
    plan::{DatasetConfig, Plan, SystemPrompt, TokenizerChoice},
};

/// Files of a tokenizer's folder that are looked at: the rest may be the model itself.
const OF_TOKENIZER: [&str; 2] = ["json", "jinja"];

/// Most files that a message names; a list of more is a file itself.
const MOST_NAMED: usize = 500;

/// The largest such list, in megabytes: more than a million files.
const LARGEST_LIST_MB: u64 = 256;

/// So deep are the folders of a dataset that are looked into: a link may lead back to where it is.
const DEEPEST: usize = 16;

/// What a file is to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Role {
    Dataset,
    /// Lines of the dataset name it.
    Media,
    Pictures,
    Tokenizer,
    /// Certificates of authorities that are trusted in the target.
    Authorities,
    /// It has the names of all others in it.
    List,
}

/// A file that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentFile {
    role: Role,
    /// The plan names a folder, and the file is in it.
    in_folder: bool,
    /// Its name, with those of the folders in between where the plan names a folder.
    name: String,
    /// Of what is in it, in hexadecimal.
    sha256: String,
}

/// Sends the files that a plan names, and those that lines of its dataset name, as they were read.
///
/// # Errors
/// One cannot be read, or the object store does not take it.
pub(super) fn send(plan: &Plan, source: &Source, blobs: &Blobs) -> Result<Vec<SentFile>, AgentError> {
    let mut sent = Vec::new();
    for (role, path) in named(plan) {
        let in_folder = path.is_dir();
        let folder = if in_folder { Some(&*path) } else { path.parent() };
        for file in if in_folder { files_of(role, &path)? } else { vec![path.clone()] } {
            let name = folder.and_then(|folder| file.strip_prefix(folder).ok()).unwrap_or(&file);
            let name = name.to_string_lossy().into_owned();
            let sha256 = blobs.put_file(&file).map_err(AgentError::File)?;
            sent.push(SentFile { role, in_folder, name, sha256 });
        }
    }
    for file in source.media() {
        let sha256 = blobs.put(&file.bytes()).map_err(AgentError::File)?;
        sent.push(SentFile { role: Role::Media, in_folder: true, name: file.name, sha256 });
    }
    if sent.len() > MOST_NAMED {
        let sha256 = blobs.put(&rmp_serde::to_vec_named(&sent)?).map_err(AgentError::File)?;
        let name = Role::List.name().to_owned();
        sent = vec![SentFile { role: Role::List, in_folder: false, name, sha256 }];
    }
    Ok(sent)
}

/// Puts the text of a file into a plan that names it as what all conversations begin with.
///
/// # Errors
/// It cannot be read.
pub(super) fn include_system_prompt(plan: &mut Plan) -> Result<(), AgentError> {
    if let Some(system) = system_prompt(&mut plan.dataset)
        && let SystemPrompt::File(path) = system
    {
        let failed = |source| AgentError::Read { path: path.clone(), source };
        *system = SystemPrompt::Text(fs::read_to_string(&*path).map_err(failed)?);
    }
    Ok(())
}

fn system_prompt(dataset: &mut DatasetConfig) -> Option<&mut SystemPrompt> {
    match dataset {
        DatasetConfig::Synthetic { context, .. } => context.system.as_mut(),
        DatasetConfig::File { system, .. } => system.as_mut(),
        DatasetConfig::Rankings { .. } | DatasetConfig::RawPayloads { .. } => None,
    }
}

/// Takes files in, and has the plan name them where they are now: as links below `dir` to what is kept in `store`. A plan that names
/// others is refused: a controller has no business with files of this machine.
///
/// # Errors
/// One does not come, or cannot be kept.
pub(crate) fn receive(
    files: &[SentFile],
    plan: &mut Plan,
    blobs: &Blobs,
    store: &Path,
    dir: &Path,
) -> Result<(), AgentError> {
    let failed = AgentError::Receive;
    fs::create_dir_all(store).map_err(failed)?;
    for file in listed(files, blobs, store)? {
        let folder = dir.join(file.role.name());
        let link = folder.join(within(&file.name).map_err(failed)?);
        fs::create_dir_all(link.parent().unwrap_or(&folder)).map_err(failed)?;
        let kept = fetch(&file.sha256, blobs, store)?;
        std::os::unix::fs::symlink(&kept, &link).map_err(failed)?;
        file.role.put(plan, if file.in_folder { folder } else { link });
    }
    // Lines that name a file which did not come along must not find one of this machine.
    plan.dataset = plan.dataset.clone().with_media_in(dir.join(Role::Media.name()));
    let elsewhere = named(plan).into_iter().map(|(_, path)| path).find(|path| !is_below(path, dir));
    let system = match system_prompt(&mut plan.dataset) {
        Some(SystemPrompt::File(path)) => Some(path.clone()),
        _ => None,
    };
    match elsewhere.or(system) {
        Some(path) => {
            let what = format!("`{}` did not come along", path.display());
            Err(failed(io::Error::new(io::ErrorKind::NotFound, what)))
        }
        None => Ok(()),
    }
}

/// All files that were sent, where a file lists them, too.
fn listed(files: &[SentFile], blobs: &Blobs, store: &Path) -> Result<Vec<SentFile>, AgentError> {
    let [SentFile { role: Role::List, sha256, .. }] = files else { return Ok(files.to_vec()) };
    let list = bounded::read(&fetch(sha256, blobs, store)?, LARGEST_LIST_MB).map_err(AgentError::Receive)?;
    let nonsense = |error: rmp_serde::decode::Error| {
        AgentError::Receive(io::Error::new(io::ErrorKind::InvalidData, error))
    };
    rmp_serde::from_slice(&list).map_err(nonsense)
}

/// Where a file is kept, once it has come.
fn fetch(sha256: &str, blobs: &Blobs, store: &Path) -> Result<PathBuf, AgentError> {
    let kept = store.join(plain(sha256).map_err(AgentError::Receive)?);
    if !kept.exists() {
        blobs.get(sha256, &kept).map_err(AgentError::Fetch)?;
    }
    Ok(kept)
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Media => "media",
            Self::Pictures => "pictures",
            Self::Tokenizer => "tokenizer",
            Self::Authorities => "authorities",
            Self::List => "list",
        }
    }

    /// Has the plan name this path for it.
    fn put(self, plan: &mut Plan, path: PathBuf) {
        match self {
            Self::Dataset => plan.dataset = plan.dataset.at(path),
            Self::Pictures => {
                if let DatasetConfig::Synthetic { media, .. } = &mut plan.dataset
                    && let Some(pictures) = &mut media.pictures
                {
                    pictures.folder = path;
                }
            }
            Self::Tokenizer => plan.tokenizer = TokenizerChoice::Local(path),
            Self::Authorities => plan.target.tls.ca_cert = Some(path),
            // The dataset is given the folder in any case.
            Self::Media | Self::List => {}
        }
    }
}

/// What a plan names, and what it is to it.
fn named(plan: &Plan) -> Vec<(Role, PathBuf)> {
    let mut named = Vec::new();
    match &plan.dataset {
        DatasetConfig::File { path, .. } | DatasetConfig::RawPayloads { path, .. } => {
            named.push((Role::Dataset, path.clone()));
        }
        DatasetConfig::Synthetic { media, .. } => {
            named.extend(media.pictures.iter().map(|pictures| (Role::Pictures, pictures.folder.clone())));
        }
        DatasetConfig::Rankings { .. } => {}
    }
    if let TokenizerChoice::Local(path) = &plan.tokenizer {
        named.push((Role::Tokenizer, path.clone()));
    }
    named.extend(plan.target.tls.ca_cert.iter().map(|path| (Role::Authorities, path.clone())));
    named
}

/// The files of a folder, in the order of their paths: of a dataset, those of the folders in it, too. Hidden ones are no part of one.
fn files_of(role: Role, folder: &Path) -> Result<Vec<PathBuf>, AgentError> {
    let mut files = Vec::new();
    gather(role, folder, DEEPEST, &mut files)?;
    files.sort();
    Ok(files)
}

fn gather(role: Role, folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), AgentError> {
    let failed = |source| AgentError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is_part = match role {
            Role::Dataset => !name.starts_with('.'),
            Role::Tokenizer => OF_TOKENIZER.contains(&extension),
            Role::Media | Role::Pictures | Role::Authorities | Role::List => true,
        };
        if is_part && path.is_file() {
            files.push(path);
        } else if is_part && role == Role::Dataset && path.is_dir() && depth > 0 {
            gather(role, &path, depth - 1, files)?;
        }
    }
    Ok(())
}

/// Whether a path leads to what is below a folder, by its words alone: the way back up is none.
fn is_below(path: &Path, dir: &Path) -> bool {
    let within = path.strip_prefix(dir).ok();
    within.is_some_and(|within| within.components().all(|part| matches!(part, Component::Normal(_))))
}

/// A path that stays within the folder where it begins.
///
/// # Errors
/// It leads out of it, or nowhere.
fn within(path: &str) -> io::Result<&Path> {
    let is_plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if is_plain && !path.is_empty() {
        return Ok(Path::new(path));
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("`{path}` is not the path of a file in a folder"),
    ))
}

/// A name without a way to another folder.
///
/// # Errors
/// It leads to one.
pub(crate) fn plain(name: &str) -> io::Result<&str> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(name),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{name}` is not the name of a file"))),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("trace.jsonl", true)]
    #[case("../trace.jsonl", false)]
    #[case("/etc/passwd", false)]
    #[case("a/b", false)]
    #[case("..", false)]
    #[case("", false)]
    fn a_name_leads_nowhere_else(#[case] name: &str, #[case] is_plain: bool) {
        assert_eq!(plain(name).is_ok(), is_plain);
        assert_eq!(within(name).is_ok(), is_plain || name == "a/b");
    }

    #[rstest]
    #[case("/runs/files/dataset/trace.jsonl", true)]
    #[case("/runs/files/dataset", true)]
    #[case("/etc/passwd", false)]
    #[case("/runs/files/../../etc/passwd", false)]
    #[case("/runs/files/dataset/../../other/trace.jsonl", false)]
    #[case("/runs/files-of-others/trace.jsonl", false)]
    #[case("trace.jsonl", false)]
    fn a_plan_names_nothing_beside_what_came_along(#[case] path: &str, #[case] expected: bool) {
        assert_eq!(is_below(Path::new(path), Path::new("/runs/files")), expected);
    }

    #[test]
    fn a_dataset_is_all_that_is_below_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("day/deep")).unwrap();
        for name in ["a.jsonl", ".hidden", "day/b.jsonl", "day/deep/c.jsonl"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        let names = |role| -> Vec<String> {
            let files = files_of(role, folder.path()).unwrap();
            let name = |file: &PathBuf| file.strip_prefix(folder.path()).unwrap().display().to_string();
            files.iter().map(name).collect()
        };
        assert_eq!(names(Role::Dataset), ["a.jsonl", "day/b.jsonl", "day/deep/c.jsonl"]);
        assert_eq!(names(Role::Pictures), [".hidden", "a.jsonl"]);
    }
}
