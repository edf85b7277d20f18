//! Opening all libraries that came with the program, each in a process of its own.

use rayon::prelude::*;

use super::loading;
use crate::{
    config::policy::PluginPolicy,
    plugin::{
        DiscoveryOptions, LockChoice, PluginError,
        validate::{self, Finding, Severity},
    },
};

/// What came of it.
#[derive(Debug)]
pub(in crate::cli) struct Opened {
    /// Entries of manifests whose libraries could be tried.
    pub(in crate::cli) entries: usize,
    /// What is wrong with the others, and with those that did not open.
    pub(in crate::cli) faults: Vec<Finding>,
}

/// Opens them. This runs their code.
///
/// # Errors
/// The plugin policy cannot be read.
pub(in crate::cli) fn open_built_in() -> Result<Opened, PluginError> {
    // What the user has besides is none of it.
    let around = DiscoveryOptions { plugin_path: Vec::new(), ..DiscoveryOptions::from_env(Vec::new()) };
    let options = around.with_policy(Some(PluginPolicy::Builtin)).with_lock(LockChoice::None);
    let validation = validate::validate(&options, &[])?;
    let entries = validation.targets.len();
    // Most of it is waiting for processes to start.
    let unopened: Vec<Finding> = validation.targets.par_iter().filter_map(loading::finding).collect();
    let faults = validation.findings.into_iter().chain(unopened);
    Ok(Opened { entries, faults: faults.filter(|fault| fault.severity == Severity::Error).collect() })
}
