//! `prony plugins`: what there is, what is wrong with it, and how it gets there. One file an action.

mod add;
mod check;
mod graph;
mod json;
mod list;
mod listing;
mod loading;
mod new;
mod remove;
mod show;
mod validate;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure};
use crate::{
    config::{flags::ChoiceParser, policy::PluginPolicy},
    plugin::DiscoveryOptions,
};

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
    /// Take a plugin package out of your plugin folder.
    Remove(remove::RemoveArgs),
    /// Check manifests and libraries, without running them unless you ask for it.
    Validate(validate::ValidateArgs),
    /// Show which service receives which message; opens no library.
    Graph(graph::GraphArgs),
    /// Write the crate of a new plugin.
    New(new::NewArgs),
    /// Run the conformance tests on a plugin library.
    Check(check::CheckArgs),
    /// Open a library that the parent process names.
    #[command(hide = true)]
    Probe(loading::ProbeArgs),
}

/// Version of the objects that `--json` prints: within it, keys are only ever added.
const JSON_VERSION: u32 = 1;

/// A JSON object as it is printed.
fn write_json(object: &serde_json::Value) -> String {
    format!("{object:#}\n")
}

/// Where manifests are looked for, beside the usual places.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct SearchArgs {
    /// Read this manifest, too. Can be given several times.
    #[arg(long = "plugins", value_name = "FILE")]
    manifests: Vec<PathBuf>,
    /// Plugins that may be used: any, of the external ones only those with `integrity` (pinned), or builtin
    /// [default: `PRONY_PLUGIN_POLICY`, else `plugin_policy` of prony/config.yaml, else any].
    #[arg(long, value_name = "POLICY", value_parser = ChoiceParser::<PluginPolicy>::new())]
    plugin_policy: Option<PluginPolicy>,
}

impl SearchArgs {
    pub(in crate::cli) fn options(&self) -> DiscoveryOptions {
        DiscoveryOptions::from_env(self.manifests.clone()).with_policy(self.plugin_policy)
    }
}

/// Does what was asked for.
pub(in crate::cli) fn run(args: &PluginsArgs) -> Result<Exit, Failure> {
    match &args.action {
        None => list::run(&args.list),
        Some(Action::List(args)) => list::run(args),
        Some(Action::Show(args)) => show::run(args),
        Some(Action::Add(args)) => add::run(args),
        Some(Action::Remove(args)) => remove::run(args),
        Some(Action::Validate(args)) => validate::run(args),
        Some(Action::Graph(args)) => graph::run(args),
        Some(Action::New(args)) => new::run(args),
        Some(Action::Check(args)) => check::run(args),
        Some(Action::Probe(args)) => loading::run(args),
    }
}
