//! `prony dataset anonymise FILE`: an input file in prony's own format, without what is said in it.

use clap::Args;

use super::{file::FileArgs, output::OutputArgs};
use crate::{
    cli::exit::{Exit, Failure},
    dataset,
};

/// Which file, and where to.
#[derive(Args, Debug)]
pub(super) struct AnonymiseArgs {
    #[command(flatten)]
    file: FileArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Writes the sessions.
pub(super) fn run(args: &AnonymiseArgs) -> Result<Exit, Failure> {
    args.output.write(&dataset::anonymous_sessions(&args.file.file, args.file.format())?)
}
