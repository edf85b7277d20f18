//! Libraries in C: `prony_plugin.h` of the contract is their side. Their tables become those that a library in Rust has, so
//! that nothing behind the loader knows the difference.
//!
//! `layout` has the header's structs, `tables` reads and checks those of a library; `endpoint` and `service` are the tables that
//! the host uses; `turn`, `request`, `events`, `words` and `host` are what a library is lent.

mod endpoint;
mod events;
mod host;
mod layout;
mod request;
mod service;
mod tables;
mod turn;
mod words;

use abi_stable::{prefix_type::PrefixTypeTrait, std_types::RSlice};
use prony_plugin_api::{
    PluginError,
    abi::{Host, PluginModule, PluginModule_Ref, host::HostTable},
    descriptor::{Descriptor, Exported},
    version::EPOCH,
};

pub(super) use self::layout::CPlugin;
use self::tables::{EndpointTable, ServiceTable};
use crate::plugin::{fault::Fault, ladder::LibraryFacts};

/// Why there is no place for a type.
const FULL: &str =
    "this process has no place for another type of a library in C: 64 endpoints and 64 services are the most";

/// Makes the module of a library in C: checks its tables, starts it, and gives each of its types a table of the host's.
///
/// # Errors
/// A table cannot be used, is not what the descriptor says, or the library refuses to start.
///
/// # Safety
/// `root` is the address of the library's symbol `prony_plugin_c_v1`, and the header's rules hold for it. The library is never
/// unloaded.
pub(super) unsafe fn module(
    root: *const CPlugin,
    facts: &LibraryFacts,
    host: HostTable,
) -> Result<PluginModule_Ref, Fault> {
    let unusable = |reason| Fault::Table { plugin: facts.plugin(), reason };
    // SAFETY: the caller's obligation.
    let plugin = unsafe { tables::plugin(root) }.map_err(unusable)?;
    same_version(&plugin, &facts.descriptor).map_err(unusable)?;
    let host = host::leak(host.host());
    // SAFETY: the caller's obligation.
    let endpoints = unsafe { tables::endpoints(&plugin, host) }.map_err(unusable)?;
    // SAFETY: the caller's obligation.
    let services = unsafe { tables::services(&plugin) }.map_err(unusable)?;
    promised(&facts.descriptor, &endpoints, &services).map_err(unusable)?;
    if let Some(init) = plugin.init {
        words::heard(|error| init(host, error)).map_err(|error| {
            let PluginError { message, hint, .. } = error.into();
            Fault::Root { plugin: facts.plugin(), reason: format!("it failed to {message}"), hint }
        })?;
    }
    let full = || unusable(FULL.to_owned());
    let endpoints: Option<Vec<_>> = endpoints.into_iter().map(endpoint::table).collect();
    let services: Option<Vec<_>> = services.into_iter().map(service::table).collect();
    let module = PluginModule {
        init: started,
        endpoints: RSlice::from_slice(endpoints.ok_or_else(full)?.leak()),
        services: RSlice::from_slice(services.ok_or_else(full)?.leak()),
    };
    Ok(module.leak_into_prefix())
}

/// The library's own start was above: it can fail, and this one cannot.
extern "C" fn started(_host: Host) {}

/// The table and the descriptor are of one contract.
fn same_version(plugin: &CPlugin, descriptor: &Descriptor) -> Result<(), String> {
    if (plugin.epoch, plugin.minor) == (EPOCH, descriptor.minor) {
        return Ok(());
    }
    Err(format!(
        "its `prony_plugin` is of contract {}.{}, and its descriptor says {EPOCH}.{}",
        plugin.epoch, plugin.minor, descriptor.minor
    ))
}

/// What the descriptor promises is there.
fn promised(
    descriptor: &Descriptor,
    endpoints: &[EndpointTable],
    services: &[ServiceTable],
) -> Result<(), String> {
    let has_endpoint = |name: &str| endpoints.iter().any(|table| table.type_name == name);
    let has_service = |name: &str| services.iter().any(|table| table.type_name == name);
    missing("endpoint", &descriptor.endpoints, has_endpoint)?;
    missing("service", &descriptor.services, has_service)?;
    for exported in &descriptor.services {
        let table = services.iter().find(|table| table.type_name == exported.type_name);
        let (Some(table), Some(hears)) = (table, &exported.subscriptions) else { continue };
        if table.subscriptions != *hears {
            return Err(format!(
                "its descriptor says that the service `{}` hears {hears:?}, and its table says {:?}",
                exported.type_name, table.subscriptions
            ));
        }
    }
    Ok(())
}

fn missing(category: &str, exported: &[Exported], is_there: impl Fn(&str) -> bool) -> Result<(), String> {
    match exported.iter().find(|exported| !is_there(&exported.type_name)) {
        Some(exported) => Err(format!(
            "its descriptor names the {category} `{}`, and its tables do not",
            exported.type_name
        )),
        None => Ok(()),
    }
}
