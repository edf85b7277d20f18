//! `prony schema FILE`: the JSON Schema of a file that prony writes.

use std::path::PathBuf;

use clap::Args;

use super::{
    config,
    exit::{Exit, Failure},
    terminal,
};
use crate::{
    report::SETTINGS,
    schemas::{self, SCHEMAS, Schema},
};

/// Which schema.
#[derive(Args, Debug)]
pub(super) struct SchemaArgs {
    /// A file that prony has written, its name, or the name of its schema.
    #[arg(value_name = "FILE", required_unless_present = "list")]
    file: Option<PathBuf>,

    /// List the schemas there are, with their names and files.
    #[arg(long, conflicts_with = "file")]
    list: bool,
}

/// Prints the schema, or the list.
pub(super) fn run(args: &SchemaArgs) -> Result<Exit, Failure> {
    let Some(file) = &args.file else {
        terminal::print(&terminal::rows(&rows()))?;
        return Ok(Exit::Success);
    };
    let shown = file.to_string_lossy();
    let own = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if own == SETTINGS {
        return config::schema();
    }
    let by_name = || SCHEMAS.iter().find(|schema| schema.name == shown);
    let Some(schema) = by_name().or_else(|| schemas::of_file(&own)) else {
        let message = format!("there is no schema of `{shown}`");
        return Err(Failure::statement(Exit::Usage, message).with_hint("`prony schema --list` lists all"));
    };
    terminal::print(schema.text)?;
    Ok(Exit::Success)
}

/// A name, the files, the version, and what it is.
fn rows() -> Vec<Vec<String>> {
    let row = |schema: &Schema| {
        let files = schema.files.join(", ");
        let each = if schema.is_of_lines { " (each line)" } else { "" };
        vec![schema.name.to_owned(), files, schema.version.to_owned(), format!("{}{each}", schema.about)]
    };
    let settings = ["", SETTINGS, "", "the settings of a run, as `prony config schema` prints it"];
    SCHEMAS.iter().map(row).chain([settings.map(str::to_owned).to_vec()]).collect()
}
