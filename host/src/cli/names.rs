//! Names of tokenizers and datasets on the command line, and the files on this machine that they mean.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::exit::{Exit, Failure, HasExit};
use crate::{
    config::{content::named_tokenizer, flags::ProfileFlags, spec::NamedTokenizer},
    dataset::hub::{self, Found, HubError, Places},
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

/// Looks names up, where there are any.
///
/// # Errors
/// One means nothing on this machine: the setting that has it, by the name of its flag, and why.
pub(super) fn located(flags: &ProfileFlags) -> Result<Located, (&'static str, Failure)> {
    let places = places(flags.data_dir.clone());
    let revision = flags.tokenizer_revision.as_deref();
    let name = flags.tokenizer.as_deref().filter(|text| is_looked_up(text));
    let found = name.map(|name| hub::tokenizer(name, revision, &places)).transpose();
    let found = found.map_err(|error| ("tokenizer", error.into()))?;
    let named = |Found { folder, has_revisions }| NamedTokenizer { folder, has_revisions };
    let tokenizer = found.map(named);
    let dataset = flags.public_dataset.as_deref();
    let dataset = dataset.map(|name| hub::public_dataset(name, &places)).transpose();
    let dataset = dataset.map_err(|error| ("public-dataset", error.into()))?;
    Ok(Located { tokenizer, dataset })
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
