//! `prony plugins validate`: everything that is wrong with manifests and libraries.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{
    json::{JSON_VERSION, write_json},
    listing::Listing,
    loading,
    search::SearchArgs,
};
use crate::{
    cli::{
        exit::{Exit, Failure},
        terminal,
    },
    plugin::validate::{self, Finding, Severity, Validation},
    screen::counted,
};

/// What to validate.
#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// Manifests or plugin packages to check [default: all that are found].
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Open the libraries as well, in a process of their own. This runs their code.
    #[arg(long)]
    load: bool,
    /// Print JSON: `findings` (`file`, `line`, `severity`, `text`, `hint`), `manifests`, `errors`, `warnings`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    search: SearchArgs,
}

/// Prints every finding. An error among them is a plugin's fault.
pub(super) fn run(args: &ValidateArgs) -> Result<Exit, Failure> {
    let mut validation = validate::validate(&args.search.options(), &args.paths)?;
    if args.load {
        let found: Vec<Finding> = validation.targets.iter().filter_map(loading::finding).collect();
        validation.findings.extend(found);
        validation.sort();
    }
    terminal::print(&if args.json { write_json(&as_json(&validation)) } else { as_text(&validation) })?;
    Ok(if validation.count(Severity::Error) > 0 { Exit::Plugin } else { Exit::Success })
}

/// What is printed of a plugin package that is refused.
pub(super) fn refused(validation: &Validation, is_json: bool) -> String {
    if is_json {
        return write_json(&as_json(validation));
    }
    let mut listing = Listing::new();
    write_findings(&validation.findings, &mut listing);
    listing.into_text()
}

fn as_json(validation: &Validation) -> serde_json::Value {
    json!({
        "schema_version": JSON_VERSION,
        "manifests": validation.manifests,
        "findings": validation.findings,
        "errors": validation.count(Severity::Error),
        "warnings": validation.count(Severity::Warning),
    })
}

fn as_text(validation: &Validation) -> String {
    let mut listing = Listing::new();
    write_findings(&validation.findings, &mut listing);
    let errors = counted(validation.count(Severity::Error), "error");
    let warnings = counted(validation.count(Severity::Warning), "warning");
    let manifests = counted(validation.manifests.len(), "manifest");
    listing.line(&format!("{errors}, {warnings} in {manifests}"));
    listing.into_text()
}

/// For each finding, `file:line: error: text` and its help below.
pub(super) fn write_findings(findings: &[Finding], listing: &mut Listing) {
    for finding in findings {
        let at = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let lead = format!("{}{at}: {severity}: ", finding.file.display());
        listing.paragraph(&lead, &terminal::printable(&finding.text));
        listing.paragraph("  help: ", &finding.hint);
    }
}
