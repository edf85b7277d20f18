//! `prony dataset`: input files, looked at without a run. One file an action.

mod anonymise;
mod convert;
mod file;
mod inspect;
mod output;
mod reshaping;
mod validate;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure, HasExit};
use crate::dataset::{AnonymiseError, FileError};

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
    /// Write a file in that format without what is said in it: lengths, times, shared prefixes, and no text.
    Anonymise(anonymise::AnonymiseArgs),
    /// Check every row of a file, and list everything that is wrong.
    Validate(validate::ValidateArgs),
}

/// Does what was asked for.
pub(in crate::cli) fn run(args: &DatasetArgs) -> Result<Exit, Failure> {
    match &args.action {
        Action::Inspect(args) => inspect::run(args),
        Action::Convert(args) => convert::run(args),
        Action::Anonymise(args) => anonymise::run(args),
        Action::Validate(args) => validate::run(args),
    }
}

impl HasExit for AnonymiseError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl HasExit for FileError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}
