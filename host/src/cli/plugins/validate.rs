//! `prony plugins validate`: everything that is wrong with manifests and libraries.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{SearchArgs, loading, write_json};
use crate::{
    cli::{
        exit::{Exit, Failure},
        terminal,
    },
    plugin::validate::{self, Finding, Severity, Validation},
};

/// What to validate.
#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// Manifests or packs to check [default: all that are found].
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

pub(super) fn as_json(validation: &Validation) -> serde_json::Value {
    json!({
        "schema_version": super::JSON_VERSION,
        "manifests": validation.manifests,
        "findings": validation.findings,
        "errors": validation.count(Severity::Error),
        "warnings": validation.count(Severity::Warning),
    })
}

fn as_text(validation: &Validation) -> String {
    let findings: String = validation.findings.iter().map(line).collect();
    let counted = |count, noun| super::list::counted(count, noun);
    format!(
        "{findings}{} in {}\n",
        [
            counted(validation.count(Severity::Error), "error"),
            counted(validation.count(Severity::Warning), "warning")
        ]
        .join(", "),
        counted(validation.manifests.len(), "manifest")
    )
}

/// `file:line: error: text` and a line of help.
pub(super) fn line(finding: &Finding) -> String {
    let at = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let text = terminal::printable(&finding.text);
    format!("{}{at}: {severity}: {text}\n  help: {}\n", finding.file.display(), finding.hint)
}
