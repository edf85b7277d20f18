//! `prony dataset`: input files, looked at without a run. One file an action.

mod convert;
mod inspect;
mod validate;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure, HasExit};
use crate::{config::flags::ChoiceParser, dataset::FileError, plan::FileFormat};

/// Looks at input files.
#[derive(Debug, Args)]
pub(in crate::cli) struct DatasetArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what is in a file: sessions, requests, lengths, times, shared prefixes.
    Inspect(inspect::InspectArgs),
    /// Write a file in prony's own format, `prony-sessions`.
    Convert(convert::ConvertArgs),
    /// Check every row of a file, and list everything that is wrong.
    Validate(validate::ValidateArgs),
}

/// An input file.
#[derive(Args, Debug)]
struct FileArgs {
    /// The file, as `prony profile --input-file` takes it.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Its format [default: detected].
    #[arg(long, value_name = "TYPE", value_parser = ChoiceParser::<FileFormat>::new())]
    custom_dataset_type: Option<FileFormat>,
}

impl FileArgs {
    fn format(&self) -> FileFormat {
        self.custom_dataset_type.unwrap_or_default()
    }
}

/// Does what was asked for.
pub(in crate::cli) fn run(args: &DatasetArgs) -> Result<Exit, Failure> {
    match &args.action {
        Action::Inspect(args) => inspect::run(args),
        Action::Convert(args) => convert::run(args),
        Action::Validate(args) => validate::run(args),
    }
}

impl HasExit for FileError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}
