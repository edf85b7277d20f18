//! `prony collect FOLDER… --into DIR`: the report of a run on several machines, from what its agents kept.

use std::path::PathBuf;

use clap::Args;

use super::{
    exit::{Exit, Failure, HasExit},
    report::{self, Shown},
};
use crate::{
    config::flags::{ChoiceParser, ReportFormat},
    record::collect::{CollectError, gather},
    report::Wanted,
    run::{artifact_dir, folder_error::ArtifactDirError},
};

/// Which folders, and where the run is put together.
#[derive(Args, Debug)]
pub(super) struct CollectArgs {
    /// Folders that agents have for the run: each holds `agent.json` and `journal.prony`.
    #[arg(value_name = "FOLDER", required = true)]
    folders: Vec<PathBuf>,

    /// Folder that becomes that of the run: an empty one, or one that does not exist yet.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,

    /// How the report is printed [default: text].
    #[arg(long, value_name = "FORMAT")]
    #[arg(value_parser = ChoiceParser::<ReportFormat>::new())]
    format: Option<ReportFormat>,

    /// Write the files of the report, and print the folder in place of it.
    #[arg(long, short)]
    quiet: bool,
}

/// Writes the journal of the run and its report, and prints that.
pub(super) fn run(args: &CollectArgs) -> Result<Exit, Failure> {
    let gathered = gather(&args.folders)?;
    let claimed = artifact_dir::claim(&args.into, false).map_err(of_folder)?;
    gathered.write(&claimed.dir)?;
    report::of_folder(&claimed.dir, &Wanted::default(), Shown::of(args.format, args.quiet))
}

/// The error about a folder that is named with `--into`.
fn of_folder(error: ArtifactDirError) -> Failure {
    let hint = match error {
        ArtifactDirError::Io { .. } => "name a folder on a disk where you may write with `--into`",
        ArtifactDirError::Busy { .. } => "wait for the end of that run, or name another folder with `--into`",
        ArtifactDirError::HasRun(_) | ArtifactDirError::NotEmpty(_) | ArtifactDirError::NotAFolder(_) => {
            "name a folder that is empty, or does not exist yet, with `--into`"
        }
    };
    Failure::from(error).with_hint(hint)
}

impl HasExit for CollectError {
    fn exit(&self) -> Exit {
        if self.is_usage() { Exit::Usage } else { Exit::Failed }
    }
}
