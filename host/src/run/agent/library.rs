//! Which library an agent's endpoint comes from: its own, or the controller's, which it asks for and keeps.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use super::{controller_link::ControllerLink, machine::AgentMachine};
use crate::{
    lockfile::Lockfile,
    node::{
        NodeError,
        agent::{AgentError, messages::AgentEvent},
    },
    plugin::{Choice, DiscoveryOptions, Offer, Received, Registry},
};

/// How long a controller may take to put a library into the object store.
const LIBRARY_TIMEOUT: Duration = Duration::from_secs(300);

/// The way to ask a controller for the library that it has offered.
pub(super) struct Asking {
    pub(super) controller: ControllerLink,
    /// Says that it is in the object store.
    pub(super) given: Receiver<()>,
}

impl Asking {
    /// Returns once the library is in the object store.
    fn ask(&self) -> Result<(), AgentError> {
        self.controller.send_now(&AgentEvent::WantsLibrary);
        self.given.recv_timeout(LIBRARY_TIMEOUT).map_err(|error| match error {
            RecvTimeoutError::Timeout => AgentError::LateLibrary { within_s: LIBRARY_TIMEOUT.as_secs() },
            RecvTimeoutError::Disconnected => AgentError::Unanswered,
        })
    }
}

/// The plugins of a run: those of this machine, and the library that is offered if it is lacking here and may be taken. The lock of the
/// controller holds for all of them, beside that of this machine.
///
/// # Errors
/// The library may not be taken, or does not come; or a manifest of this machine is bad.
pub(super) fn registry(
    offer: Option<&Offer>,
    lock: Option<Lockfile>,
    machine: &AgentMachine,
    asking: &Asking,
) -> Result<Registry, NodeError> {
    let discovery = DiscoveryOptions { lock_of_controller: lock.map(Arc::new), ..machine.discovery.clone() };
    let own = Registry::discover(&discovery)?;
    let Some(offer) = offer else { return Ok(own) };
    match own.choose(offer, machine.accepts_plugins).map_err(AgentError::from)? {
        Choice::Own(remark) => {
            if let Some(remark) = remark {
                own.remark(format!("the agent `{}` {remark}", machine.name));
            }
            Ok(own)
        }
        Choice::Controllers => {
            let received = Some(receive(offer, machine, asking)?);
            Ok(Registry::discover(&DiscoveryOptions { received, ..discovery })?)
        }
    }
}

/// Takes the library in, unless it came before. Gives its manifest.
fn receive(offer: &Offer, machine: &AgentMachine, asking: &Asking) -> Result<PathBuf, AgentError> {
    let place = Received::place(offer, &machine.libraries)?;
    if !place.is_there() {
        asking.ask()?;
        machine.bus.blobs().get(&place.sha256(), place.library()).map_err(AgentError::Fetch)?;
    }
    Ok(place.write_manifest()?)
}
