//! What ran: the plugins of a run, as its journal and report keep them.

use std::path::{Path, PathBuf};

use prony_plugin_api::version::EPOCH;
use serde::{Deserialize, Serialize};

use super::{
    entry::{Category, Entry},
    ladder::LibraryFacts,
};

/// A plugin that was used, and the file that it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct UsedPlugin {
    /// `endpoint` or `service`.
    pub(crate) category: String,
    /// Entry name, as the manifest spells it.
    pub(crate) name: String,
    /// `library:Type`.
    pub(crate) class: String,
    /// Package name of the library.
    pub(crate) package: String,
    /// Its package version.
    pub(crate) version: String,
    /// The contract it was built with, as `epoch.minor`.
    pub(crate) contract: String,
    /// The compiler that built it.
    pub(crate) rustc: String,
    /// The optimisation level it was built with.
    pub(crate) opt_level: String,
    pub(crate) library: PathBuf,
    /// SHA-256 of that file, as `integrity` is written.
    pub(crate) sha256: String,
    /// The manifest that names it.
    pub(crate) manifest: PathBuf,
    /// How that was found: `built-in`, `system`, `user`, `plugin path` or `command line`.
    pub(crate) tier: String,
}

/// What a registry says about the plugins that it has loaded: all of it belongs into a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Provenance {
    /// What was used.
    pub(super) used: Vec<UsedPlugin>,
    /// What was not, and why.
    pub(super) notes: Vec<String>,
}

impl UsedPlugin {
    pub(super) fn new<M>(category: Category, entry: &Entry<M>, library: &Path, facts: &LibraryFacts) -> Self {
        let descriptor = &facts.descriptor;
        Self {
            category: category.to_string(),
            name: entry.name.clone(),
            class: entry.class.to_string(),
            package: descriptor.name.clone(),
            version: descriptor.version.clone(),
            contract: format!("{EPOCH}.{}", descriptor.minor),
            rustc: descriptor.rustc.clone(),
            opt_level: descriptor.opt_level.clone(),
            library: library.to_owned(),
            sha256: facts.digest.to_string(),
            manifest: entry.origin.manifest.clone(),
            tier: entry.origin.tier.to_string(),
        }
    }
}
