//! `prony config`: configuration files, written, checked and explained without a run. One file an action.

mod check;
mod expand;
mod explain;
mod files;
mod init;
mod schema;
mod show;
mod templates;

use clap::{ArgMatches, Args, Subcommand};

use super::exit::{Exit, Failure};
use crate::config::words::Words;

/// Works on configuration files.
#[derive(Debug, Args)]
pub(in crate::cli) struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print a configuration file to begin with.
    Init(init::InitArgs),
    /// Check a configuration file: everything that is wrong with it is reported, and nothing is sent.
    #[command(visible_alias = "validate")]
    Check(check::CheckArgs),
    /// List the runs of a file that has several values of a setting: what each of them is.
    Expand(expand::ExpandArgs),
    /// Show every setting of a run, its value, and where it comes from.
    #[command(allow_negative_numbers = true)]
    Show(show::ShowArgs),
    /// Print the JSON Schema of configuration files, for editors.
    Schema,
    /// Say what a setting means; without a name, list all of them.
    Explain(explain::ExplainArgs),
}

/// Does what was asked for. `matches` are those of the whole command line.
pub(in crate::cli) fn run(args: &ConfigArgs, matches: &ArgMatches) -> Result<Exit, Failure> {
    match &args.action {
        Action::Init(args) => init::run(args),
        Action::Check(args) => check::run(args),
        Action::Expand(args) => expand::run(args),
        Action::Show(args) => show::run(args, matches),
        Action::Schema => schema::run(),
        Action::Explain(args) => explain::run(args),
    }
}

/// Prints the schema of configuration files.
pub(in crate::cli) fn schema() -> Result<Exit, Failure> {
    schema::run()
}

/// Does the same for `prony config show` with lists in the place of values.
pub(in crate::cli) fn show_with_lists(typed: Words, is_json: bool) -> Result<Exit, Failure> {
    show::run_with_lists(typed, is_json)
}
