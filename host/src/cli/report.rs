//! `prony report DIR`: the report of an earlier run, computed again from its journal.

use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure};

/// Which run.
#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// Folder of the run, as `prony profile` named it at its end.
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
}

/// Computes the report, writes its files and prints its table.
pub(super) fn run(args: &ReportArgs) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Failed, format!("report on `{}`: not wired", args.dir.display())))
}
