//! `prony plugins remove`: a pack out of the user's plugin folder.

use clap::Args;
use serde_json::json;

use super::json::{JSON_VERSION, write_json};
use crate::{
    cli::{
        exit::{Exit, Failure},
        terminal,
    },
    plugin::{DiscoveryOptions, install},
};

/// What to remove.
#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Name of the installed plugin package, as `add` said it.
    #[arg(value_name = "NAME")]
    name: String,
    /// Print JSON: `pack`, `removed` (its folder).
    #[arg(long)]
    json: bool,
}

/// Removes a plugin package.
pub(super) fn run(args: &RemoveArgs) -> Result<Exit, Failure> {
    let folder = install::remove(&args.name, &DiscoveryOptions::from_env(Vec::new()))?;
    terminal::print(&if args.json {
        write_json(&json!({ "schema_version": JSON_VERSION, "pack": args.name, "removed": folder }))
    } else {
        format!("removed `{}`: {}\n", args.name, folder.display())
    })?;
    Ok(Exit::Success)
}
