//! `prony plugins export`: a pack as an archive or a folder, for machines without a network.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    json::{JSON_VERSION, write_json},
    listing::Listing,
    validate,
};
use crate::{
    cli::{
        exit::{Exit, Failure},
        terminal,
    },
    plugin::{
        DiscoveryOptions,
        install::{self, Exported, InstallError},
    },
};

/// What to export, and where to.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Name of an installed plugin package, or what `add` takes: a folder, a manifest, an archive.
    #[arg(value_name = "PACKAGE")]
    package: String,
    /// An archive (.tar.gz, .tgz or .tar), or a folder. It must not be there.
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// Print JSON: `pack`, `exported` (the archive or folder), `files` (`file`, `sha256`). A plugin package that is refused: as
    /// `validate` does.
    #[arg(long)]
    json: bool,
}

/// Exports a plugin package.
pub(super) fn run(args: &ExportArgs) -> Result<Exit, Failure> {
    let exported = match install::export(&args.package, &args.to, &DiscoveryOptions::from_env(Vec::new())) {
        Ok(exported) => exported,
        Err(InstallError::Refused { path, validation }) => {
            terminal::print(&validate::refused(&validation, args.json))?;
            return Err(InstallError::Refused { path, validation }.into());
        }
        Err(error) => return Err(error.into()),
    };
    terminal::print(&if args.json { write_json(&as_json(&exported)) } else { as_text(&exported) })?;
    Ok(Exit::Success)
}

fn as_json(Exported { name, place, files }: &Exported) -> Value {
    let files = files.iter().map(|(file, sum)| json!({ "file": file, "sha256": sum.to_string() }));
    json!({
        "schema_version": JSON_VERSION, "pack": name, "exported": place.display().to_string(),
        "files": files.collect::<Vec<_>>(),
    })
}

fn as_text(Exported { name, place, files }: &Exported) -> String {
    let mut listing = Listing::new();
    listing.line(&format!("exported `{name}`: {}", place.display()));
    listing.rows(files.iter().map(|(file, sum)| vec![file.clone(), sum.to_string()]));
    listing.into_text()
}
