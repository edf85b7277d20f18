//! Plugins by name, without any file.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{ScriptedHost, TestEndpoint, TestService};
use crate::{
    abi::{
        author::{endpoint_table, service_table},
        EndpointVt_Ref, ServiceVt_Ref,
    },
    endpoint::Endpoint,
    error::{PluginError, Result},
    service::Service,
};

/// Plugins by name. Names are equal without regard to case, and `-` is `_`, as for a host.
#[derive(Clone, Default)]
pub struct Registry {
    shelves: Arc<Mutex<Shelves>>,
}

#[derive(Default)]
struct Shelves {
    /// The last one of a name is the one that is used.
    endpoints: BTreeMap<String, Vec<(u64, EndpointVt_Ref)>>,
    services: BTreeMap<String, ServiceVt_Ref>,
    fakes: u64,
}

impl Registry {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with an endpoint; of two of one name the later one is used.
    #[must_use]
    pub fn endpoint<E: Endpoint>(self, name: &str) -> Self {
        let table = endpoint_table::<E>(std::any::type_name::<E>());
        self.lock().endpoints.entry(folded(name)).or_default().push((0, table));
        self
    }

    /// The same with a service; of two of one name the later one is used.
    #[must_use]
    pub fn service<S: Service>(self, name: &str) -> Self {
        self.lock().services.insert(folded(name), service_table::<S>(std::any::type_name::<S>()));
        self
    }

    /// Makes the endpoint of this name from its options.
    ///
    /// # Errors
    /// `config` when there is none, with the names that there are; or what the author's `new` returned.
    pub fn open_endpoint(&self, name: &str, options: &str) -> Result<TestEndpoint> {
        let shelves = self.lock();
        let found = shelves.endpoints.get(&folded(name)).and_then(|tables| tables.last());
        let (_, table) = *found.ok_or_else(|| unknown("endpoint", name, shelves.endpoints.keys()))?;
        drop(shelves);
        TestEndpoint::from_table(table, options)
    }

    /// Makes the service of this name from its options, beside a host.
    ///
    /// # Errors
    /// `config` when there is none, with the names that there are; or what the author's `new` returned.
    pub fn open_service(&self, name: &str, options: &str, host: &ScriptedHost) -> Result<TestService> {
        let shelves = self.lock();
        let found = shelves.services.get(&folded(name));
        let table = *found.ok_or_else(|| unknown("service", name, shelves.services.keys()))?;
        drop(shelves);
        TestService::from_table(table, options, host)
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shelves = self.lock();
        let (endpoints, services) = (shelves.endpoints.keys(), shelves.services.keys());
        f.debug_struct("Registry")
            .field("endpoints", &endpoints.collect::<Vec<_>>())
            .field("services", &services.collect::<Vec<_>>())
            .finish()
    }
}

/// Puts a fake endpoint in the place of whatever has this name, until the guard is dropped.
///
/// ```
/// # use prony_plugin_api::{testing::{mock_plugin, Registry}, Endpoint, EventSink, Parser, RequestWriter, Result, TurnContext};
/// # struct Mute;
/// # impl Endpoint for Mute {
/// #     type Parser = Self;
/// #     fn new(_: &str) -> Result<Self> { Ok(Self) }
/// #     fn format(&self, _: &TurnContext<'_>, _: &mut RequestWriter<'_>) -> Result<()> { Ok(()) }
/// #     fn parser(&self) -> Self { Self }
/// # }
/// # impl Parser for Mute {
/// #     fn event(&mut self, _: &str, _: &[u8], _: &mut EventSink<'_>) -> Result<()> { Ok(()) }
/// #     fn body(&mut self, _: u32, _: &[u8], _: &mut EventSink<'_>) -> Result<()> { Ok(()) }
/// # }
/// let registry = Registry::new();
/// {
///     let _fake = mock_plugin::<Mute>(&registry, "acme_chat");
///     assert!(registry.open_endpoint("acme-chat", "{}").is_ok());
/// }
/// assert!(registry.open_endpoint("acme-chat", "{}").is_err());
/// ```
#[must_use = "the fake is gone when the guard is dropped"]
pub fn mock_plugin<E: Endpoint>(registry: &Registry, name: &str) -> Fake {
    let table = endpoint_table::<E>("Fake");
    let mut shelves = registry.lock();
    shelves.fakes += 1;
    let number = shelves.fakes;
    shelves.endpoints.entry(folded(name)).or_default().push((number, table));
    drop(shelves);
    Fake { registry: registry.clone(), name: folded(name), number }
}

/// A fake in a [`Registry`]. Dropping it restores what was there.
#[derive(Debug)]
pub struct Fake {
    registry: Registry,
    name: String,
    number: u64,
}

impl Drop for Fake {
    fn drop(&mut self) {
        let mut shelves = self.registry.lock();
        if let Some(tables) = shelves.endpoints.get_mut(&self.name) {
            tables.retain(|(number, _)| *number != self.number);
            if tables.is_empty() {
                shelves.endpoints.remove(&self.name);
            }
        }
    }
}

fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

fn unknown<'a>(category: &str, name: &str, known: impl Iterator<Item = &'a String>) -> PluginError {
    let known: Vec<&str> = known.map(String::as_str).collect();
    PluginError::config(format!("find the {category} `{name}`: there are [{}]", known.join(", ")))
        .hint("register it, or correct the name")
}
