//! `prony plugins show`.

use clap::Args;

use crate::cli::exit::{Exit, Failure};

/// What to show.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {}

/// Refuses.
pub(super) fn run(_args: &ShowArgs) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, "show: prony does not have this yet"))
}
