//! `prony dataset validate FILE`: everything that is wrong with an input file.

use clap::Args;

use super::file::FileArgs;
use crate::{
    cli::{
        exit::{Exit, Failure},
        terminal,
    },
    dataset,
    screen::counted,
};

/// Which file.
#[derive(Args, Debug)]
pub(super) struct ValidateArgs {
    #[command(flatten)]
    file: FileArgs,
}

/// Prints how many sessions there are, or fails with all errors.
pub(super) fn run(args: &ValidateArgs) -> Result<Exit, Failure> {
    let (sessions, errors) = dataset::validate(&args.file.file, args.file.format())?;
    let mut failures = errors.into_iter().map(Failure::from);
    let Some(first) = failures.next() else {
        terminal::print(&format!("{} can be read\n", counted(sessions, "session")))?;
        return Ok(Exit::Success);
    };
    Err(Failure { beside: failures.collect(), ..first })
}
