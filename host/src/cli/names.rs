//! Names of tokenizers and datasets on the command line, and the files on this machine that they mean.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::{
    exit::{Exit, Failure, HasExit},
    recorded,
};
use crate::{
    config::{content::named_tokenizer, flags::ProfileFlags, spec::NamedTokenizer},
    dataset::{
        FileError,
        hub::{self, Found, HubError, Places},
    },
    plan::TokenizerChoice,
};

impl HasExit for HubError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// What the names of a command line mean.
#[derive(Debug, Default)]
pub(super) struct Located {
    /// The folder of the tokenizer, where its name is no path.
    pub(super) tokenizer: Option<NamedTokenizer>,
    /// The file of the dataset.
    pub(super) dataset: Option<PathBuf>,
}

/// What is wrong with a setting, and the name of its flag without dashes.
type OfSetting = (&'static str, Failure);

/// Looks names up, where there are any. One that means nothing on this machine stands for itself, so that the rest can be checked: it is
/// told why as well, and nothing is opened then.
pub(super) fn located(flags: &ProfileFlags) -> (Located, Vec<OfSetting>) {
    let places = places(flags.data_dir.clone());
    let revision = flags.tokenizer_revision.as_deref();
    let mut missing: Vec<OfSetting> = Vec::new();
    let name = flags.tokenizer.as_deref().filter(|text| is_looked_up(text));
    let tokenizer = name.map(|name| {
        hub::tokenizer(name, revision, &places).unwrap_or_else(|error| {
            missing.push(("tokenizer", error.into()));
            Found { folder: PathBuf::from(name), has_revisions: true }
        })
    });
    let named = |Found { folder, has_revisions }| NamedTokenizer { folder, has_revisions };
    let dataset = flags.public_dataset.as_deref().map(|name| {
        hub::public_dataset(name, &places).unwrap_or_else(|error| {
            missing.push(("public-dataset", error.into()));
            PathBuf::from(name)
        })
    });
    (Located { tokenizer: tokenizer.map(named), dataset }, missing)
}

/// Files that a run would read and cannot. Each is read where it is needed; this is to tell of it beside other mistakes.
pub(super) fn unreadable(flags: &ProfileFlags) -> Vec<OfSetting> {
    let from_a_pipe = Path::new("-");
    let input = flags.input_file.as_deref().filter(|path| *path != from_a_pipe).and_then(|path| {
        let source = fs::metadata(path).err()?;
        Some(("input-file", Failure::from(FileError::Unreadable { path: path.to_owned(), source })))
    });
    let answer = flags.mock_answer.as_deref().and_then(|file| {
        let error = recorded::read(file, None).err()?;
        Some(("mock-answer", Failure::from(error)))
    });
    input.into_iter().chain(answer).collect()
}

/// A tokenizer as it is named where there is neither a folder of the user's nor a revision: looked up in the cache if it is a name.
///
/// # Errors
/// It means nothing on this machine.
pub(super) fn tokenizer_in_cache(text: Option<&str>) -> Result<TokenizerChoice, Failure> {
    let Some(name) = text.filter(|text| is_looked_up(text)) else { return Ok(named_tokenizer(text)) };
    let found = hub::tokenizer(name, None, &places(None)).map_err(|error| {
        let hint = "give the path of its `tokenizer.json`, or of the folder with it; prony fetches nothing from a model hub";
        Failure::from(error).with_hint(hint)
    })?;
    Ok(TokenizerChoice::Local(found.folder))
}

/// A tokenizer that is to be locked, and its revision if it is in a cache.
///
/// # Errors
/// It means nothing on this machine.
pub(super) fn tokenizer_to_lock(
    text: &str,
    revision: Option<&str>,
    data_dir: Option<PathBuf>,
) -> Result<(TokenizerChoice, Option<String>), Failure> {
    if !is_looked_up(text) {
        return Ok((named_tokenizer(Some(text)), None));
    }
    let Found { folder, has_revisions } = hub::tokenizer(text, revision, &places(data_dir))?;
    let version = folder.file_name().filter(|_| has_revisions);
    let version = version.map(|name| name.to_string_lossy().into_owned());
    Ok((TokenizerChoice::Local(folder), version))
}

/// The file of a dataset that is to be locked, and its revision if it is in a cache.
///
/// # Errors
/// There is none on this machine.
pub(super) fn public_dataset_to_lock(
    name: &str,
    data_dir: Option<PathBuf>,
) -> Result<(PathBuf, Option<String>), Failure> {
    let file = hub::public_dataset(name, &places(data_dir))?;
    let version = hub::revision_of(&file);
    Ok((file, version))
}

fn places(data_dir: Option<PathBuf>) -> Places {
    Places::new(data_dir, |name| env::var_os(name))
}

/// A tokenizer is built in, a path, or a name.
fn is_looked_up(text: &str) -> bool {
    TokenizerChoice::of_name(text).is_none() && !Path::new(text).exists() && hub::is_name(text)
}
