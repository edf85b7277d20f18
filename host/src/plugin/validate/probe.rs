//! Opens a library to see whether it can be used. Its code runs: only a process that may crash calls [`probe`].

use std::{path::PathBuf, sync::Arc};

use prony_plugin_api::abi::host::EndpointInstance;
use serde::{Deserialize, Serialize};

use crate::{
    explain::Explain,
    plugin::{
        catalogue::{Endpoints, Kind, Services},
        entry::Category,
        error::PluginError,
        fault::Fault,
        integrity::Digest,
        ladder, loader,
        trust::Trust,
    },
};

/// What is to be opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    /// The manifest of its entry.
    pub(crate) manifest: PathBuf,
    /// Where in it the entry begins.
    pub(crate) line: Option<usize>,
    /// Category of the entry.
    pub(crate) category: String,
    /// Name of the entry.
    pub(crate) name: String,
    /// The exported type.
    pub(crate) type_name: String,
    /// The library's file.
    pub(crate) library: PathBuf,
    /// What the file must hash to.
    pub(crate) sha256: Option<String>,
}

/// Why a library cannot be used, in words that travel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoadFailure {
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) hint: String,
}

/// Opens a library and makes an endpoint with no options; of a service, only its functions are looked for, because it
/// needs a host.
pub(crate) fn probe(target: &Target) -> Result<(), LoadFailure> {
    open(target).map_err(|error| LoadFailure { text: super::super::chain(&error), hint: error.hint() })
}

fn open(target: &Target) -> Result<(), PluginError> {
    let category =
        target.category().ok_or_else(|| PluginError::UnknownCategory { name: target.category.clone() })?;
    let at_fault = |fault| PluginError::Load {
        category,
        name: target.name.clone(),
        library: target.library.clone(),
        fault: Arc::new(fault),
    };
    let pin = target.sha256.clone().and_then(|text| Digest::try_from(text).ok());
    let checked = ladder::check(&target.library, &Trust::of_this_process()).map_err(at_fault)?;
    let found = checked.facts.digest;
    if let Some(expected) = pin.filter(|expected| *expected != found) {
        return Err(at_fault(Fault::Integrity { expected, found }));
    }
    let root = loader::open(&target.library, &checked, pin.is_some()).map_err(at_fault)?;
    let missing = || {
        at_fault(Fault::NotExported {
            plugin: checked.facts.plugin(),
            category,
            type_name: target.type_name.clone(),
            exports: Vec::new(),
        })
    };
    match category {
        Category::Service => Services::table(root, &target.type_name).map(drop).ok_or_else(missing),
        Category::Endpoint => {
            let table = Endpoints::table(root, &target.type_name).ok_or_else(missing)?;
            let made = EndpointInstance::create(table, "{}");
            made.map(drop).map_err(|source| PluginError::Create {
                category,
                name: target.name.clone(),
                source,
            })
        }
    }
}
