//! `prony plugins add`.

use clap::Args;

use crate::cli::exit::{Exit, Failure};

/// What to add.
#[derive(Debug, Args)]
pub(super) struct AddArgs {}

/// Refuses.
pub(super) fn run(_args: &AddArgs) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, "add: prony does not have this yet"))
}
