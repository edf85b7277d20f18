//! Ways around the registry, for the room `internals` only: one file, one library, and what is wrong with it in words.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use prony_plugin_api::{abi::host::PluginRoot, descriptor::Descriptor};

use super::{
    entry::{Origin, Tier},
    error::chain,
    ladder, loader,
    manifest::{self, ManifestError},
    trust::Trust,
};

/// Reads a manifest's text: how many endpoints and services it has.
pub(crate) fn read_manifest(text: &str) -> Result<(usize, usize), String> {
    let origin = Arc::new(Origin { manifest: PathBuf::from(manifest::FILE_NAME), tier: Tier::CommandLine });
    let located = |(line, problem)| chain(&ManifestError { file: origin.manifest.clone(), line, problem });
    let manifest = manifest::of_text(text, &origin).map_err(located)?;
    Ok((manifest.endpoints.len(), manifest.services.len()))
}

/// Reads what a library says about itself, as the ladder does before any code of it runs.
pub(crate) fn describe(library: &[u8]) -> Result<Descriptor, String> {
    ladder::descriptor(library).map_err(|fault| fault.to_string())
}

/// Climbs the whole ladder for one file and opens it.
pub(crate) fn open(library: &Path) -> Result<PluginRoot, String> {
    let checked = ladder::check(library, &Trust::of_this_process());
    let opened = checked.and_then(|checked| loader::open(library, &checked, false));
    opened.map_err(|fault| fault.to_string())
}
