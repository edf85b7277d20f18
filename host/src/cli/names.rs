//! Names of tokenizers and datasets on the command line, and the files on this machine that they mean.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::exit::{Exit, Failure, HasExit};
use crate::{
    config::flags::ProfileFlags,
    dataset::hub::{self, HubError, Places},
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
    pub(super) tokenizer: Option<PathBuf>,
    /// The file of the dataset.
    pub(super) dataset: Option<PathBuf>,
}

/// Looks names up, where there are any.
///
/// # Errors
/// One means nothing on this machine.
pub(super) fn located(flags: &ProfileFlags) -> Result<Located, Failure> {
    let places = Places::new(flags.data_dir.clone(), |name| env::var_os(name));
    let revision = flags.tokenizer_revision.as_deref();
    let name = flags.tokenizer.as_deref().filter(|text| is_looked_up(text));
    let tokenizer = name.map(|name| hub::tokenizer(name, revision, &places)).transpose()?;
    let dataset = flags.public_dataset.as_deref();
    let dataset = dataset.map(|name| hub::public_dataset(name, &places)).transpose()?;
    Ok(Located { tokenizer, dataset })
}

/// A tokenizer is built in, a path, or a name.
fn is_looked_up(text: &str) -> bool {
    TokenizerChoice::of_name(text).is_none() && !Path::new(text).exists() && hub::is_name(text)
}
