//! `prony dataset convert FILE`: an input file in prony's own format.

use clap::Args;

use super::{file::FileArgs, output::OutputArgs, reshaping::ReshapingArgs};
use crate::cli::exit::{Exit, Failure};

/// Which file, and where to.
#[derive(Args, Debug)]
pub(super) struct ConvertArgs {
    #[command(flatten)]
    file: FileArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    reshaping: ReshapingArgs,
}

/// Writes the sessions.
pub(super) fn run(args: &ConvertArgs) -> Result<Exit, Failure> {
    args.output.write(&args.reshaping.read(&args.file)?.into())
}
