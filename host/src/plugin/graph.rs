//! Who hears which message, and who says it: from what libraries declare, without opening any.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    entry::Category,
    inspection::{Inspections, Messages},
    registry::Registry,
};

/// Somebody on the bus.
#[derive(Clone, Debug)]
pub(crate) struct Participant {
    /// A service's name, or what the host calls a part of itself.
    pub(crate) name: String,
    /// What it hears and says.
    pub(crate) messages: Messages,
    /// Why the library cannot be used, if it cannot.
    pub(crate) fault: Option<String>,
}

/// A type of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// Who says it.
    pub(crate) publishers: BTreeSet<String>,
    /// Who hears it.
    pub(crate) subscribers: BTreeSet<String>,
}

/// The services of a registry, the winner of each name. A disputed one hears and says nothing.
pub(crate) fn services(registry: &Registry) -> Vec<Participant> {
    let listed = registry.list(Category::Service).into_iter();
    let mut inspections = Inspections::new();
    let participants = listed.filter_map(|listed| {
        if let Err(dispute) = registry.service(&listed.name) {
            let fault = Some(format!("failed to {dispute}"));
            return Some(Participant { name: listed.name, messages: Messages::default(), fault });
        }
        let inspection = inspections.brief(listed.entries.first()?);
        let fault = inspection.faults().first().map(|(text, _)| text.clone());
        Some(Participant { name: listed.name, messages: inspection.messages, fault })
    });
    participants.collect()
}

/// The routes between participants, by type of message.
pub(crate) fn routes(participants: &[Participant]) -> BTreeMap<String, Route> {
    let mut routes: BTreeMap<String, Route> = BTreeMap::new();
    for Participant { name, messages, .. } in participants {
        for message in messages.publishes.iter().flatten() {
            routes.entry(message.clone()).or_default().publishers.insert(name.clone());
        }
        for message in messages.subscriptions.iter().flatten() {
            routes.entry(message.clone()).or_default().subscribers.insert(name.clone());
        }
    }
    routes
}
