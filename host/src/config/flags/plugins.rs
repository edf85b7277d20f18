//! Flags of which plugins there are, and which may be used.

use std::path::PathBuf;

use clap::Args;

use super::choice::{ChoiceParser, SERVICES};
use crate::config::policy::PluginPolicy;

/// Which plugins there are, and which of these and of other files may be used.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PluginFlags {
    /// Manifest of more plugins; may be repeated.
    #[arg(long = "plugins", value_name = "FILE", help_heading = SERVICES)]
    pub(crate) manifests: Vec<PathBuf>,

    /// Plugins that may be used: any, of the external ones only those with `integrity` or in the lock file (pinned), or builtin
    /// [default: `PRONY_PLUGIN_POLICY`, else `plugin_policy` of prony/config.yaml, else any].
    #[arg(long, value_name = "POLICY", value_parser = ChoiceParser::<PluginPolicy>::new(), help_heading = SERVICES)]
    pub(crate) plugin_policy: Option<PluginPolicy>,

    /// Open only plugins, tokenizers and datasets that are as `prony.lock` of the working directory has them.
    ///
    /// `prony lock` writes that file. What is not in it, or is not the same any more, ends with exit code 3, and nothing is sent.
    #[arg(long, help_heading = SERVICES)]
    pub(crate) locked: bool,

    /// The same with another lock file.
    #[arg(long, value_name = "FILE", help_heading = SERVICES)]
    pub(crate) lock: Option<PathBuf>,
}
