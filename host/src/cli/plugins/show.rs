//! `prony plugins show`: everything about one name. Reads files and opens no library.

use clap::Args;
use serde_json::Value;

use super::{
    json::{self, write_json},
    list,
    listing::Listing,
    search::SearchArgs,
};
use crate::{
    cli::{
        exit::{Exit, Failure},
        option_rows, terminal,
    },
    plugin::{CAPABILITIES, Category, EntryState, Inspection, Listed, Registry, enforced, uses},
};

/// What to show.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Its category: `endpoint` or `service`.
    #[arg(value_name = "CATEGORY")]
    category: String,
    #[arg(value_name = "NAME")]
    name: String,
    /// Print JSON: `category`, `name`, `conflicting`, `entries` (the one that is used first, each with its `library`),
    /// `plugin_policy`, `problems`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    search: SearchArgs,
}

/// Prints everything about a name.
pub(super) fn run(args: &ShowArgs) -> Result<Exit, Failure> {
    let registry = Registry::discover(&args.search.options())?;
    let listed = registry.describe(list::category_named(&args.category)?, &args.name)?;
    if args.json {
        terminal::print(&write_json(&json::entry(&listed, &registry)))?;
        return Ok(Exit::Success);
    }
    let mut listing = Listing::new();
    write_everything(&listed, &mut listing);
    terminal::print(&listing.into_text())?;
    Ok(Exit::Success)
}

fn write_everything(listed: &Listed, listing: &mut Listing) {
    list::write_entry(listed, listing);
    let rows = listed.entries.iter().enumerate().skip(1).map(|(at, entry)| {
        let reason = match listed.state(at) {
            EntryState::Used => String::new(),
            EntryState::Shadowed { by, reason } => format!("shadowed by `{}`: {reason}", by.display()),
            EntryState::Conflict { with } => format!("conflicts with `{}`: equal priority", with.display()),
        };
        vec![entry.origin.manifest.display().to_string(), reason]
    });
    listing.section("why", rows);
    let Some(entry) = listed.entries.first() else { return };
    let inspection = Inspection::of(entry);
    let facts = inspection.facts(entry.category).into_iter().filter(|(name, _)| *name != "options");
    listing.section("library", facts.flat_map(|(name, value)| fact(entry.category, name, &value)));
    let options = inspection.options().map(option_rows::of).unwrap_or_default().into_iter();
    listing.section("options", options.map(|(name, about)| vec![name, about]));
    let faults = inspection
        .faults()
        .iter()
        .flat_map(|(text, hint)| [vec![text.clone()], vec![format!("  help: {hint}")]]);
    listing.section("broken", faults);
}

/// A fact of a library in words. What it says that it uses is followed by whether that is enforced.
fn fact(category: Category, name: &str, value: &Value) -> Vec<Vec<String>> {
    let words = value.as_array().map(|words| words.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    let row = |name: &str, text: String| vec![name.to_owned(), text];
    match (name, words) {
        (CAPABILITIES, words) => {
            let words = words.as_deref();
            vec![row(name, uses(words)), row("enforced", enforced(category, words))]
        }
        _ if value.is_null() => vec![row(name, "unknown".to_owned())],
        _ => vec![row(name, list::text(value))],
    }
}
