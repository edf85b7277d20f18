//! The flags that say where plugins are looked for.

use std::path::PathBuf;

use clap::Args;

use crate::{
    config::{flags::ChoiceParser, policy::PluginPolicy},
    plugin::DiscoveryOptions,
};

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
    /// The search that these flags ask for.
    pub(in crate::cli) fn options(&self) -> DiscoveryOptions {
        DiscoveryOptions::from_env(self.manifests.clone()).with_policy(self.plugin_policy)
    }
}
