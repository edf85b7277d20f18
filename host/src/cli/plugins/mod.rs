//! `prony plugins`: what there is, what is wrong with it, and how it gets there. One file an action.

mod add;
mod check;
mod docs;
mod export;
mod graph;
mod json;
mod list;
mod listing;
mod loading;
mod new;
mod opened;
mod remove;
mod search;
mod show;
mod validate;

use clap::{Args, Subcommand};

pub(in crate::cli) use self::{opened::open_built_in, search::SearchArgs};
use super::exit::{Exit, Failure};

/// Lists plugin packages, endpoints and services, or does something about them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct PluginsArgs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: list::ListArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List plugin packages, endpoints and services; opens no library.
    List(list::ListArgs),
    /// Show everything about one entry; opens no library.
    Show(show::ShowArgs),
    /// Copy a plugin package into your plugin folder and pin its libraries.
    Add(add::AddArgs),
    /// Write a plugin package into an archive or a folder that `add` takes, for machines without a network.
    Export(export::ExportArgs),
    /// Take a plugin package out of your plugin folder.
    Remove(remove::RemoveArgs),
    /// Check manifests and libraries, without running them unless you ask for it.
    Validate(validate::ValidateArgs),
    /// Show which service receives which message; opens no library.
    Graph(graph::GraphArgs),
    /// Write the folder of a new plugin, in Rust, C, C++, Go or Zig.
    New(new::NewArgs),
    /// Run the conformance tests on a plugin library.
    Check(check::CheckArgs),
    /// Write a page about an endpoint or a service, in Markdown.
    Docs(docs::DocsArgs),
    /// Open a library that the parent process names.
    #[command(hide = true)]
    Probe(loading::ProbeArgs),
}

impl PluginsArgs {
    /// It shares large work between the cores.
    pub(in crate::cli) fn shares_work(&self) -> bool {
        matches!(&self.action, Some(Action::Docs(args)) if args.is_about_all())
    }
}

/// Does what was asked for.
pub(in crate::cli) fn run(args: &PluginsArgs) -> Result<Exit, Failure> {
    match &args.action {
        None => list::run(&args.list),
        Some(Action::List(args)) => list::run(args),
        Some(Action::Show(args)) => show::run(args),
        Some(Action::Add(args)) => add::run(args),
        Some(Action::Export(args)) => export::run(args),
        Some(Action::Remove(args)) => remove::run(args),
        Some(Action::Validate(args)) => validate::run(args),
        Some(Action::Graph(args)) => graph::run(args),
        Some(Action::New(args)) => new::run(args),
        Some(Action::Check(args)) => check::run(args),
        Some(Action::Docs(args)) => docs::run(args),
        Some(Action::Probe(args)) => loading::run(args),
    }
}
