//! `prony plugins check`.

use clap::Args;

use crate::cli::exit::{Exit, Failure};

/// What to check.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {}

/// Refuses.
pub(super) fn run(_args: &CheckArgs) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, "check: prony does not have this yet"))
}
