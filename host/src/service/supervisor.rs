//! The supervisor: starts services, watches them, stops them, and reports how each one fared.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread,
    time::Duration,
};

use prony_plugin_api::{
    ErrorDetails,
    abi::host::{HostTable, ServiceInstance},
};

use super::{
    allowance::Allowance,
    bus::{Bus, Subscriber, Traffic},
    failure::ServiceFailure,
    host::{PublishSink, ServiceHost},
    isolated::Isolated,
    mailbox::{CALL_DEADLINE, Load, Mailbox},
    queue::Command,
    service_handle::ServiceHandle,
    wanted::Wanted,
};
use crate::{
    clock::Clock,
    plugin::{PluginLog, Registry},
};

/// What all services of a run share.
pub(crate) struct ServiceContext {
    pub(crate) clock: Clock,
    /// The run as the text of a JSON object.
    pub(crate) facts: Arc<str>,
    /// Routes messages.
    pub(crate) bus: Arc<Bus>,
    /// Keeps what services publish.
    pub(crate) sink: Arc<dyn PublishSink>,
}

/// How a service fared.
#[derive(Clone, Debug)]
pub(crate) struct ServiceEnd {
    /// The service as it was to be started.
    pub(crate) wanted: Wanted,
    /// The number of its own process, if it had one.
    pub(crate) pid: Option<u32>,
    /// Why it failed, if it did.
    pub(crate) error: Option<ErrorDetails>,
    /// Messages it published.
    pub(crate) published: u64,
    /// Messages it was sent.
    pub(crate) received: u64,
    /// Messages lost: its queue was full, or what it published was not taken.
    pub(crate) lost: u64,
    /// The most messages that waited for it at a time.
    pub(crate) most_waiting: u64,
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
    mailbox: Mailbox,
}

impl Supervisor {
    /// Loads, initialises and starts every wanted service, all side by side: a slow one does not hold up the others. None
    /// is started before all that can be are initialised and subscribed. One that fails is kept with its error.
    pub(crate) fn start(wanted: Vec<Wanted>, registry: &Arc<Registry>, around: &ServiceContext) -> Self {
        let services = side_by_side(wanted, |wanted| Supervised::prepare(wanted, registry, around));
        let services = side_by_side(services, |service| {
            // Its failure is kept by the mailbox.
            let _ = service.mailbox.call("start", CALL_DEADLINE, Command::Start);
            service
        });
        for service in &services {
            if let Some(error) = service.mailbox.failure() {
                tracing::warn!(service = service.wanted.name, "{}", error.message);
            }
        }
        Self { services }
    }

    /// Looks after every service. Why the first required one that has failed did so.
    pub(crate) fn lost_required(&self) -> Option<String> {
        let failures: Vec<_> = self.services.iter().map(|service| service.mailbox.failure()).collect();
        let lost = self
            .services
            .iter()
            .zip(failures)
            .find(|(service, failure)| service.wanted.required && failure.is_some());
        lost.and_then(|(service, failure)| Some(format!("`{}`: {}", service.wanted.name, failure?.message)))
    }

    /// The first service that was asked for and does not take its options, and what it says of them.
    pub(crate) fn refused(&self) -> Option<(&str, ErrorDetails)> {
        let asked_for = self.services.iter().filter(|service| service.wanted.is_asked_for);
        asked_for
            .filter_map(|service| Some((service.wanted.name.as_str(), service.mailbox.failure()?)))
            .find(|(_, failure)| failure.kind == ServiceFailure::OF_OPTIONS)
    }

    /// Waits until the services have handled every message so far, `timeout` for each at most.
    pub(crate) fn settle(&self, timeout: Duration) {
        for service in self.services.iter().filter(|service| service.mailbox.failure().is_none()) {
            service.mailbox.settle(timeout);
        }
    }

    /// Stops all services at once, within `deadline`, and says how each one fared.
    pub(crate) fn stop(self, deadline: Duration) -> Vec<ServiceEnd> {
        side_by_side(self.services, |service| service.stop(deadline))
    }
}

/// Does the same to all at once, each on a thread of its own as far as there are threads left. Keeps their order.
fn side_by_side<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let count = items.len();
    let (left, done) = (Mutex::new(items.into_iter().enumerate()), Mutex::new(Vec::new()));
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work_on = || {
        while let Some((place, item)) = next() {
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
        }
    };
    thread::scope(|scope| {
        let mut threads = Vec::new();
        while threads.len() < count {
            match thread::Builder::new().spawn_scoped(scope, work_on) {
                Ok(thread) => threads.push(thread),
                Err(_) => break,
            }
        }
        if threads.len() < count {
            work_on();
        }
        // What a panic was at is left out.
        for thread in threads {
            drop(thread.join());
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

impl Supervised {
    /// Makes, initialises and subscribes a service.
    fn prepare(wanted: Wanted, registry: &Arc<Registry>, around: &ServiceContext) -> Self {
        let traffic = Arc::new(Traffic::default());
        let load = load(&wanted, registry, around, &traffic);
        let (mailbox, types) = Mailbox::open(&wanted.name, around.clock, load);
        if let Ok(types) = types
            && mailbox.call("init", CALL_DEADLINE, Command::Init).is_ok()
        {
            let (queue, traffic) = (mailbox.queue(), Arc::clone(&traffic));
            around.bus.subscribe(Subscriber { types, queue, traffic });
        }
        Self { wanted, traffic, mailbox }
    }

    fn stop(self, deadline: Duration) -> ServiceEnd {
        let Self { wanted, traffic, mailbox } = self;
        let stopped = mailbox.call("stop", deadline, |reply| Command::Stop(deadline, reply));
        traffic.is_over.store(true, Ordering::Relaxed);
        ServiceEnd {
            wanted,
            pid: mailbox.pid(),
            error: stopped.err(),
            published: traffic.published.load(Ordering::Relaxed),
            received: traffic.received.load(Ordering::Relaxed),
            lost: traffic.lost.load(Ordering::Relaxed),
            most_waiting: mailbox.queue().most_waiting(),
        }
    }
}

/// What makes a service, on its own thread.
fn load(wanted: &Wanted, registry: &Arc<Registry>, around: &ServiceContext, traffic: &Arc<Traffic>) -> Load {
    let host = ServiceHost {
        name: wanted.name.as_str().into(),
        log: PluginLog::new(&wanted.entry),
        clock: around.clock,
        facts: Arc::clone(&around.facts),
        bus: Arc::clone(&around.bus),
        sink: Arc::clone(&around.sink),
        traffic: Arc::clone(traffic),
        allowance: Allowance::default(),
    };
    let (wanted, registry, traffic) = (wanted.clone(), Arc::clone(registry), Arc::clone(traffic));
    Box::new(move |line| {
        line.on_failure(move || traffic.is_over.store(true, Ordering::Relaxed));
        if wanted.isolated {
            let isolated = Isolated::start(&wanted, &registry, host, line)?;
            return Ok(Box::new(isolated) as Box<dyn ServiceHandle>);
        }
        let made = registry.load_service(&wanted.entry, &wanted.options, HostTable::leak(host));
        let instance: ServiceInstance = made.map_err(ServiceFailure::of_load)?;
        Ok(Box::new(instance))
    })
}
