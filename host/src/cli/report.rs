//! `prony report DIR`: the report of an earlier run, computed again from its journal.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    exit::{Exit, Explain, Failure},
    terminal,
};
use crate::report::{self, Report, ReportError, console};

/// Which run.
#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// Folder of the run, as `prony profile` named it at its end.
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
}

/// Computes the report, writes its files and prints its table.
pub(super) fn run(args: &ReportArgs) -> Result<Exit, Failure> {
    let report = write(&args.dir)?;
    Ok(if report.is_complete() { Exit::Success } else { Exit::Incomplete })
}

/// The same for any command that has a run's folder.
pub(super) fn write(dir: &Path) -> Result<Report, Failure> {
    let report = report::generate(dir)?;
    terminal::print(&console::render(&report))?;
    Ok(report)
}

impl Explain for ReportError {
    fn exit(&self) -> Exit {
        match self {
            Self::Journal(_) => Exit::Usage,
            Self::NoHeader { .. } => Exit::Incomplete,
            Self::Write { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        ReportError::hint(self).map(str::to_owned)
    }
}
