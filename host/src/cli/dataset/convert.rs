//! `prony dataset convert FILE`: an input file in prony's own format.

use clap::Args;

use super::{file::FileArgs, output::OutputArgs};
use crate::{
    cli::exit::{Exit, Failure},
    dataset,
};

/// Which file, and where to.
#[derive(Args, Debug)]
pub(super) struct ConvertArgs {
    #[command(flatten)]
    file: FileArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Writes the sessions.
pub(super) fn run(args: &ConvertArgs) -> Result<Exit, Failure> {
    args.output.write(&dataset::sessions(&args.file.file, args.file.format())?)
}
