//! `prony config check`: what is wrong with a configuration file.

use std::path::PathBuf;

use clap::Args;

use super::files;
use crate::{
    cli::{
        exit::{Exit, Failure},
        experiment, resolved, settings, terminal,
    },
    screen::counted,
};

/// Which file.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The file of settings to check.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Checks a file as a run would, up to where a server would be asked.
pub(super) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let asked = settings::of_file(&args.file)?;
    asked.warn();
    let what = if asked.is_experiment() {
        let cells = experiment::cells_of(&asked)?;
        files::check(cells.list.iter().map(|(_, asked)| asked))?;
        format!("; it is {}", counted(cells.runs(), "run"))
    } else {
        let registry = resolved::discover(&asked.flags).map_err(|failure| asked.failure_with(failure))?;
        let resolved = resolved::resolved(&asked, &asked.flags, &registry)?;
        resolved.warnings.iter().for_each(|warning| terminal::warn(warning));
        files::check(std::iter::once(&asked))?;
        String::new()
    };
    terminal::print(&format!("{}: nothing is wrong with it{what}\n", args.file.display()))?;
    Ok(Exit::Success)
}
