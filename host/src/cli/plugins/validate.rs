//! `prony plugins validate`.

use clap::Args;

use crate::cli::exit::{Exit, Failure};

/// What to validate.
#[derive(Debug, Args)]
pub(super) struct ValidateArgs {}

/// Refuses.
pub(super) fn run(_args: &ValidateArgs) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, "validate: prony does not have this yet"))
}
