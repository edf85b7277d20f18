//! `prony plugins new`.

use clap::Args;

use crate::cli::exit::{Exit, Failure};

/// What to new.
#[derive(Debug, Args)]
pub(super) struct NewArgs {}

/// Refuses.
pub(super) fn run(_args: &NewArgs) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, "new: prony does not have this yet"))
}
