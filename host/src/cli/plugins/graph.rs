//! `prony plugins graph`.

use clap::Args;

use crate::cli::exit::{Exit, Failure};

/// What to graph.
#[derive(Debug, Args)]
pub(super) struct GraphArgs {}

/// Refuses.
pub(super) fn run(_args: &GraphArgs) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Usage, "graph: prony does not have this yet"))
}
