//! A team: the workers as threads of this process, and the endpoint that they share.

use std::{
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

use tokio::sync::{Semaphore, watch};

use super::{
    super::watchdog::{Hang, Watchdog},
    CrewError, aside,
    frames::Order,
    readiness,
};
use crate::{
    clock::Clock,
    config::{Arrival, PhaseConfig, RunConfig},
    dataset::Conversation,
    plugin::Registry,
    request::{
        endpoint::Endpoint,
        target::TargetPlan,
        worker::{Assignment, Control, Equipment, Sink, Worker, WorkerError},
    },
    schedule::credits::{Credits, Place, Pool},
    seed::Seed,
};

/// How long opening an endpoint's library and its `new` may take together.
pub(super) const LOAD_PATIENCE: Duration = Duration::from_secs(10);

/// How long an endpoint's destructor may hold up the end.
pub(super) const DROP_PATIENCE: Duration = Duration::from_secs(1);

/// An endpoint in this process.
#[derive(Debug)]
pub(crate) struct Hosted {
    endpoint: Endpoint,
    /// After the field above: it is the one that drops the plugin's object.
    _last: Last,
}

/// The last of an endpoint's handles. The destructor is a plugin's code as well, and may hang: it runs aside.
#[derive(Debug)]
struct Last(Option<Endpoint>);

impl Drop for Last {
    fn drop(&mut self) {
        let Some(endpoint) = self.0.take() else { return };
        let name = endpoint.name().to_owned();
        match aside::within(DROP_PATIENCE, move || drop(endpoint)) {
            Ok(Some(())) => {}
            Ok(None) => {
                tracing::warn!("endpoint `{name}` does not return from its destructor: it is left behind");
            }
            Err(error) => tracing::warn!(%error, "there is no thread left to drop endpoint `{name}` on"),
        }
    }
}

impl Hosted {
    /// Opens the library and makes the endpoint.
    pub(super) fn load(registry: &Arc<Registry>, name: &str, options: String) -> Result<Self, CrewError> {
        let (registry, entry) = (Arc::clone(registry), name.to_owned());
        let loaded = aside::within(LOAD_PATIENCE, move || registry.load_endpoint(&entry, &options));
        match loaded.map_err(CrewError::Thread)? {
            Some(instance) => {
                let endpoint = Endpoint::new(name, instance?);
                Ok(Self { _last: Last(Some(endpoint.clone())), endpoint })
            }
            None => Err(slow(name)),
        }
    }

    /// The endpoint.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns once the model answers.
    pub(super) fn await_model(
        &self,
        config: &RunConfig,
        target: &Arc<TargetPlan>,
        conversation: &Conversation,
        clock: Clock,
    ) -> Result<(), CrewError> {
        let endpoint = self.endpoint.with_own_pulse();
        let (pulse, name) = (endpoint.pulse(), config.target.endpoint_type.clone());
        let (config, target, conversation) = (config.clone(), Arc::clone(target), conversation.clone());
        let asked = aside::watched(&pulse, move || {
            readiness::await_model(&config, &endpoint, &target, &conversation, clock)
        });
        match asked.map_err(CrewError::Thread)? {
            Ok(Some(ready)) => Ok(ready?),
            Ok(None) => Err(CrewError::Hangs { name, what: "asking the target with it panicked".to_owned() }),
            Err(hang) => Err(CrewError::Hangs { name, what: hang.to_string() }),
        }
    }
}

/// The error of an endpoint that takes too long to start.
pub(super) fn slow(name: &str) -> CrewError {
    CrewError::Hangs {
        name: name.to_owned(),
        what: format!("it has not started within {} s", LOAD_PATIENCE.as_secs()),
    }
}

/// Workers as threads of this process.
#[derive(Debug)]
pub(crate) struct Team {
    workers: Vec<Worker>,
    watchdog: Watchdog,
    phases: Vec<PhaseConfig>,
    seed: u64,
    control: watch::Sender<Control>,
    /// Goes last.
    hosted: Hosted,
}

impl Team {
    /// Starts the workers.
    pub(super) fn start<S: Sink>(
        config: &RunConfig,
        equipment: &Equipment<S>,
        hosted: Hosted,
    ) -> Result<Self, WorkerError> {
        let ahead = connections_ahead(config);
        let workers =
            (0..).zip(&ahead).map(|(number, ahead)| Worker::start(number, equipment.clone(), *ahead));
        let workers = workers.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            workers,
            watchdog: Watchdog::default(),
            phases: config.phases.clone(),
            seed: config.random_seed,
            control: watch::channel(Control::Run).0,
            hosted,
        })
    }

    /// Returns what to wait for until the workers' connections are open; once.
    pub(super) fn readiness(&mut self) -> impl FnOnce() + Send + 'static {
        let workers: Vec<Receiver<()>> = self.workers.iter_mut().filter_map(Worker::readiness).collect();
        move || {
            for worker in workers {
                // One that is gone has panicked, and its alarm has said so.
                let _ = worker.recv();
            }
        }
    }

    /// Gives every worker its part of a phase.
    pub(super) fn begin(&mut self, order: Order) {
        let index = order.phase as usize;
        let Some(phase) = self.phases.get(index) else { return };
        let (control, watching) = watch::channel(Control::Run);
        self.control = control;
        let slots = slots(phase, self.workers.len());
        let (pool, seed) = (Arc::new(Pool::default()), phase_seed(self.seed, index));
        let workers = slots.len() as u64;
        for (worker, (desk, slots)) in self.workers.iter().zip(slots).enumerate() {
            let place = Place { worker: worker as u64, workers };
            desk.assign(Assignment {
                phase: order.phase,
                start_ns: order.start_ns,
                ends_ns: phase.ends_after_ns().map(|ns| order.start_ns.saturating_add(ns)),
                credits: Credits::new(phase, seed, place, &pool),
                first_conversation: order.first_conversation,
                slots,
                slotted_ns: 0,
                control: watching.clone(),
            });
        }
    }

    /// Drains or cancels the phase.
    pub(super) fn tell(&self, control: Control) {
        self.control.send_replace(control);
    }

    /// A call that does not return.
    pub(super) fn look(&mut self) -> Option<Hang> {
        self.watchdog.look(self.workers.iter().map(Worker::pulse))
    }

    /// Lets the workers go home, waits until they have, and gives the endpoint back.
    pub(super) fn dismiss(self) {
        self.workers.into_iter().for_each(Worker::join);
        drop(self.hosted);
    }
}

/// Connections that each worker opens before the first phase.
fn connections_ahead(config: &RunConfig) -> Vec<usize> {
    let most = config.phases.iter().filter_map(|phase| phase.concurrency).max();
    let all = most.filter(|_| config.target.preconnect).unwrap_or(0);
    (0..config.workers).map(|worker| share(all, worker, config.workers)).collect()
}

/// The random streams of a phase are its own: a warm-up must not play the schedule of what it warms up for.
fn phase_seed(root: u64, index: usize) -> Seed {
    Seed::new(root).child(&format!("phase.{index}"))
}

/// The slots of each worker that takes part in a phase. In a closed loop everyone has a share; with fewer slots than
/// workers, some have nothing to do. In an open loop, where requests are dealt out beforehand, all share one limit: a
/// request must not wait in one worker for a slot that is free in another.
pub(super) fn slots(phase: &PhaseConfig, workers: usize) -> Vec<Arc<Semaphore>> {
    let all = phase.concurrency.unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
    if phase.arrival == Arrival::ClosedLoop {
        let active = all.clamp(1, workers);
        (0..active).map(|worker| Arc::new(Semaphore::new(share(all, worker, active)))).collect()
    } else {
        let common = Arc::new(Semaphore::new(all));
        vec![common; workers]
    }
}

/// Slots of one worker: as even as it goes, the first ones taking what is left over.
fn share(slots: usize, worker: usize, workers: usize) -> usize {
    slots / workers + usize::from(worker < slots % workers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_shared_without_loss() {
        for (slots, workers) in [(1, 1), (7, 3), (8, 3), (3, 3), (1000, 7)] {
            let shares: Vec<usize> = (0..workers).map(|worker| share(slots, worker, workers)).collect();
            assert_eq!(shares.iter().sum::<usize>(), slots);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }
}
