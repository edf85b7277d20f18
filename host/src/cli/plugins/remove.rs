//! `prony plugins remove`.

use clap::Args;

use crate::cli::exit::{Exit, Failure};

/// What to remove.
#[derive(Debug, Args)]
pub(super) struct RemoveArgs {}

/// Refuses.
pub(super) fn run(_args: &RemoveArgs) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, "remove: prony does not have this yet"))
}
