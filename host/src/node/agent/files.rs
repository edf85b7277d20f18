//! Files that a plan names, on their way to agents: by what is in them, through the object store. An agent that has a file has it once.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::error::AgentError;
use crate::{
    nats::Blobs,
    plan::{DatasetConfig, Plan, SystemPrompt, TokenizerChoice},
};

/// Files of a tokenizer's folder that are looked at: the rest may be the model itself.
const OF_TOKENIZER: [&str; 2] = ["json", "jinja"];

/// What a file is to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Role {
    Dataset,
    Pictures,
    Tokenizer,
}

/// A file that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentFile {
    role: Role,
    /// The plan names a folder, and the file is in it.
    in_folder: bool,
    /// Its name.
    name: String,
    /// Of what is in it, in hexadecimal.
    sha256: String,
}

/// Sends the files that a plan names.
///
/// # Errors
/// One cannot be read, or the object store does not take it.
pub(super) fn send(plan: &Plan, blobs: &Blobs) -> Result<Vec<SentFile>, AgentError> {
    let mut sent = Vec::new();
    for (role, path) in named(plan) {
        let in_folder = path.is_dir();
        for file in if in_folder { files_of(role, &path)? } else { vec![path.clone()] } {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let sha256 = blobs.put_file(&file).map_err(AgentError::File)?;
            sent.push(SentFile { role, in_folder, name, sha256 });
        }
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
    for file in files {
        let folder = dir.join(file.role.name());
        fs::create_dir_all(&folder).map_err(failed)?;
        let (kept, link) = (
            store.join(plain(&file.sha256).map_err(failed)?),
            folder.join(plain(&file.name).map_err(failed)?),
        );
        if !kept.exists() {
            blobs.get(&file.sha256, &kept).map_err(AgentError::Fetch)?;
        }
        std::os::unix::fs::symlink(&kept, &link).map_err(failed)?;
        file.role.put(plan, if file.in_folder { folder } else { link });
    }
    let elsewhere = named(plan).into_iter().map(|(_, path)| path).find(|path| !path.starts_with(dir));
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

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Pictures => "pictures",
            Self::Tokenizer => "tokenizer",
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
    named
}

/// The files of a folder, by name.
fn files_of(role: Role, folder: &Path) -> Result<Vec<PathBuf>, AgentError> {
    let failed = |source| AgentError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_file() && (role != Role::Tokenizer || OF_TOKENIZER.contains(&extension)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
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
    }
}
