//! `prony config check`: what is wrong with a configuration file.

use std::path::PathBuf;

use clap::Args;

use crate::{
    cli::{
        exit::{Exit, Failure},
        profile, settings, terminal,
    },
    config::words::Words,
};

/// Which file.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Checks a file as a run would, up to where a server would be asked.
pub(super) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let asked = settings::of_words(Words::default(), Some(&args.file))?;
    let registry = profile::discover(&asked.flags)?;
    let resolved = profile::resolved(&asked, &asked.flags, &registry)?;
    resolved.warnings.iter().for_each(|warning| terminal::warn(warning));
    terminal::print(&format!("{}: nothing is wrong with it\n", args.file.display()))?;
    Ok(Exit::Success)
}
