//! The supervisor: starts services, watches them, stops them, and reports how each one fared.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use prony_plugin_api::{ErrorDetails, abi::host::HostTable};

use super::{
    bus::{Bus, Subscriber, Traffic},
    host::{Outlet, ServiceHost},
    mailbox::{CALL_DEADLINE, Command, Mailbox},
};
use crate::{
    clock::Clock,
    plugin::{PluginError, PluginLog, Registry},
};

/// What a service that keeps its deadline may still need to return.
const STOP_MARGIN: Duration = Duration::from_millis(200);

/// A service that a run wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Entry name.
    pub(crate) name: String,
    /// Its death ends the run.
    pub(crate) required: bool,
    /// The text of a JSON object.
    pub(crate) options: String,
}

/// What all services of a run share.
pub(crate) struct Surroundings {
    /// The run's clock.
    pub(crate) clock: Clock,
    /// The run as the text of a JSON object.
    pub(crate) facts: Arc<str>,
    /// Routes messages.
    pub(crate) bus: Arc<Bus>,
    /// Keeps what services publish.
    pub(crate) outlet: Arc<dyn Outlet>,
}

/// How a service fared.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    /// Entry name.
    pub(crate) name: String,
    /// Its death ends the run.
    pub(crate) required: bool,
    /// Why it failed, if it did.
    pub(crate) error: Option<ErrorDetails>,
    /// Messages it published.
    pub(crate) published: u64,
    /// Messages it was sent.
    pub(crate) received: u64,
    /// Messages lost to full queues.
    pub(crate) lost: u64,
}

/// The services of one run.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    services: Vec<Supervised>,
}

#[derive(Debug)]
struct Supervised {
    wanted: Wanted,
    traffic: Arc<Traffic>,
    /// The mailbox, or why there is none.
    state: Result<Mailbox, ErrorDetails>,
}

impl Supervisor {
    /// Loads, initialises and starts every wanted service. One that fails is kept with its error.
    pub(crate) fn start(wanted: Vec<Wanted>, registry: &Arc<Registry>, around: &Surroundings) -> Self {
        let services = wanted.into_iter().map(|wanted| Supervised::start(wanted, registry, around)).collect();
        Self { services }
    }

    /// Why the first required service that has failed did so.
    pub(crate) fn lost_required(&self) -> Option<ErrorDetails> {
        self.services.iter().filter(|service| service.wanted.required).find_map(Supervised::failure)
    }

    /// Waits until the services have handled every message so far, `patience` for each at most.
    pub(crate) fn settle(&self, patience: Duration) {
        for mailbox in self.services.iter().filter_map(|service| service.state.as_ref().ok()) {
            mailbox.settle(patience);
        }
    }

    /// Stops all services at once, within `deadline`, and says how each one fared.
    pub(crate) fn stop(self, deadline: Duration) -> Vec<Fate> {
        thread::scope(|scope| {
            let stopping: Vec<_> = self
                .services
                .into_iter()
                .map(|service| scope.spawn(move || service.stop(deadline)))
                .collect();
            stopping.into_iter().filter_map(|stopped| stopped.join().ok()).collect()
        })
    }
}

impl Supervised {
    fn start(wanted: Wanted, registry: &Arc<Registry>, around: &Surroundings) -> Self {
        let traffic = Arc::new(Traffic::default());
        let state = open(&wanted, registry, around, &traffic);
        if let Err(error) = &state {
            tracing::warn!(service = wanted.name, "{}", error.message);
        }
        Self { wanted, traffic, state }
    }

    fn failure(&self) -> Option<ErrorDetails> {
        match &self.state {
            Ok(mailbox) => mailbox.failure(),
            Err(error) => Some(error.clone()),
        }
    }

    fn stop(self, deadline: Duration) -> Fate {
        let error = match self.state {
            Ok(mailbox) => mailbox.call(deadline + STOP_MARGIN, |reply| Command::Stop(deadline, reply)).err(),
            Err(error) => Some(error),
        };
        Fate {
            name: self.wanted.name,
            required: self.wanted.required,
            error,
            published: self.traffic.published.load(Ordering::Relaxed),
            received: self.traffic.received.load(Ordering::Relaxed),
            lost: self.traffic.lost.load(Ordering::Relaxed),
        }
    }
}

fn open(
    wanted: &Wanted,
    registry: &Arc<Registry>,
    around: &Surroundings,
    traffic: &Arc<Traffic>,
) -> Result<Mailbox, ErrorDetails> {
    let name: Arc<str> = wanted.name.as_str().into();
    let host = HostTable::leak(ServiceHost {
        name: Arc::clone(&name),
        log: PluginLog::new(&name),
        clock: around.clock,
        facts: Arc::clone(&around.facts),
        bus: Arc::clone(&around.bus),
        outlet: Arc::clone(&around.outlet),
        traffic: Arc::clone(traffic),
    });
    let (registry, options) = (Arc::clone(registry), wanted.options.clone());
    let entry = Arc::clone(&name);
    let load = move || registry.load_service(&entry, &options, host).map_err(|error| load(&error));
    let (mailbox, types) = Mailbox::open(&name, around.clock, Box::new(load))?;
    mailbox.call(CALL_DEADLINE, Command::Init)?;
    around.bus.subscribe(Subscriber { types, queue: mailbox.queue(), traffic: Arc::clone(traffic) });
    mailbox.call(CALL_DEADLINE, Command::Start)?;
    Ok(mailbox)
}

fn load(error: &PluginError) -> ErrorDetails {
    ErrorDetails {
        kind: "plugin_load".into(),
        message: format!("failed to {error}"),
        cause_chain: error.detail().into_iter().collect(),
        hint: error.hint(),
        ..ErrorDetails::default()
    }
}
