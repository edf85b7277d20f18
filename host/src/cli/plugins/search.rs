//! The flags that say where plugins are looked for.

use std::path::PathBuf;

use clap::Args;

use crate::{
    config::{flags::ChoiceParser, policy::PluginPolicy},
    plugin::{DiscoveryOptions, LockChoice},
};

/// Where manifests are looked for, beside the usual places.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct SearchArgs {
    /// Read this manifest, too. Can be given several times.
    #[arg(long = "plugins", value_name = "FILE")]
    manifests: Vec<PathBuf>,
    /// Plugins that may be used: any, of the external ones only those with `integrity` or in the lock file (pinned), or builtin
    /// [default: `PRONY_PLUGIN_POLICY`, else `plugin_policy` of prony/config.yaml, else any].
    #[arg(long, value_name = "POLICY", value_parser = ChoiceParser::<PluginPolicy>::new())]
    plugin_policy: Option<PluginPolicy>,
    /// Open only what is as `prony.lock` of the working directory has it; `prony lock` writes that file [default: that of
    /// `PRONY_LOCKED`, else no].
    #[arg(long)]
    locked: bool,
    /// The same with another lock file [default: that of `PRONY_LOCK`].
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,
}

impl SearchArgs {
    /// The search that these flags ask for.
    pub(in crate::cli) fn options(&self) -> DiscoveryOptions {
        let options = DiscoveryOptions::from_env(self.manifests.clone()).with_policy(self.plugin_policy);
        match LockChoice::of(self.locked, self.lock.as_deref()) {
            LockChoice::None => options,
            // The switch alone takes the file that the environment names, if it names one.
            _ if self.lock.is_none() && options.lock != LockChoice::None => options,
            lock => options.with_lock(lock),
        }
    }
}
