//! The crew of a run: the workers, and the one place that knows in which process they are.
//!
//! A [`Dialect`] is loaded before the run, here or in a child process, and becomes the [`Crew`] that sends the
//! requests. Workers and their endpoint are always in one process: no chunk of an answer crosses to another, and instants
//! are as good there as here. What crosses are requests that are over, in batches.
//!
//! - [`team`]: workers as threads of this process, whichever it is;
//! - [`apart`]: a team in a child, as its parent sees it; [`inside`]: the same, seen from within;
//! - [`frames`]: what the two say to each other, and [`parcel`]: the dataset on its way.

mod apart;
mod frames;
pub(crate) mod inside;
mod parcel;
mod team;
mod told;

use std::{io, sync::Arc};

pub(super) use self::frames::Order;
pub(crate) use self::told::{Class, Told};
use self::{
    apart::Apart,
    team::{Hosted, Team},
};
use super::{
    aside,
    readiness::{self, ReadinessError},
    setup::{self, Run},
    wiring::Wires,
};
use crate::{
    clock::Clock,
    config::{PhaseConfig, RunConfig},
    dataset::Conversation,
    plugin::{Category, Isolation, Key, PluginError, Registry},
    request::{
        target::TargetPlan,
        worker::{Control, Equipment, WorkerError},
    },
};

/// Why there is no crew.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CrewError {
    /// The endpoint cannot be used.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The target cannot be measured.
    #[error(transparent)]
    NotReady(#[from] ReadinessError),
    /// A worker cannot start.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// One of these, in the child.
    #[error(transparent)]
    Told(#[from] Told),
    /// The plugin does not return.
    #[error("use the endpoint `{name}`: {what}")]
    Hangs {
        /// Entry name.
        name: String,
        /// Which call, and for how long.
        what: String,
    },
    /// The child died, or talks nonsense.
    #[error("use the endpoint `{name}` in a process of its own: it {death}")]
    Died {
        /// Entry name.
        name: String,
        /// How it ended.
        death: String,
    },
    /// There is no process, or no way to talk to it.
    #[error("run the endpoint `{name}` in a process of its own")]
    Process {
        /// Entry name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// There is no thread left.
    #[error("start a thread")]
    Thread(#[source] io::Error),
}

/// What loading a dialect takes.
#[derive(Debug)]
pub(crate) struct Loading<'a> {
    /// The plugins of this run.
    pub(crate) registry: &'a Arc<Registry>,
    /// What a child is told about its log on its command line.
    pub(crate) log_words: Vec<&'static str>,
}

/// A loaded endpoint that waits for a run.
#[derive(Debug)]
pub(crate) enum Dialect {
    /// In this process.
    Here(Hosted),
    /// In a child, which will hold the workers as well.
    Apart(Box<Apart>),
}

impl Dialect {
    /// Loads the endpoint of a run in the process where it belongs.
    pub(crate) fn load(loading: &Loading<'_>, config: &RunConfig) -> Result<Self, CrewError> {
        let name = &config.target.endpoint_type;
        let by_user = config.isolate.iter().any(|isolated| Key::of(isolated) == Key::of(name));
        let by_manifest = loading.registry.isolation(Category::Endpoint, name)? == Isolation::Process;
        if by_user || by_manifest {
            let options = setup::endpoint_options(config);
            let apart = Apart::load(name, loading.registry, options, &loading.log_words)?;
            return Ok(Self::Apart(Box::new(apart)));
        }
        Hosted::load(loading.registry, name, setup::endpoint_options(config)).map(Self::Here)
    }

    /// Returns once the target can be measured.
    pub(crate) fn await_target(
        &mut self,
        config: &RunConfig,
        target: &Arc<TargetPlan>,
        dataset: &Arc<[Conversation]>,
        clock: Clock,
    ) -> Result<(), CrewError> {
        match self {
            Self::Here(hosted) => {
                if config.target.wait_for_model_timeout_s <= 0.0 {
                    return Ok(readiness::check_reachable(config, target)?);
                }
                hosted.await_model(config, target, &dataset[0], clock)
            }
            Self::Apart(apart) => {
                if config.target.wait_for_model_timeout_s <= 0.0 {
                    readiness::check_reachable(config, target)?;
                }
                apart.equip(config, dataset, clock)?;
                if config.target.wait_for_model_timeout_s > 0.0 {
                    apart.await_model(config.target.wait_for_model_timeout_s)?;
                }
                Ok(())
            }
        }
    }

    /// Starts the workers.
    pub(super) fn start(self, run: &Run, wires: &Wires) -> Result<Crew, CrewError> {
        match self {
            Self::Here(hosted) => {
                let equipment = Equipment {
                    clock: run.clock,
                    endpoint: hosted.endpoint().clone(),
                    target: Arc::clone(&run.target),
                    dataset: Arc::clone(&run.dataset),
                    sink: wires.clone(),
                };
                Ok(Crew::Here(Team::start(&run.config, &equipment, hosted)?))
            }
            Self::Apart(mut apart) => {
                apart.start(wires.clone())?;
                Ok(Crew::Apart(apart))
            }
        }
    }
}

/// The workers of a run.
#[derive(Debug)]
pub(super) enum Crew {
    /// Threads of this process.
    Here(Team),
    /// Threads of a child.
    Apart(Box<Apart>),
}

impl Crew {
    /// Returns what to wait for until all connections are open that are to be open before the load; once.
    pub(super) fn readiness(&mut self) -> Box<dyn FnOnce() + Send> {
        match self {
            Self::Here(team) => Box::new(team.readiness()),
            Self::Apart(apart) => Box::new(apart.readiness()),
        }
    }

    /// Begins a phase.
    pub(super) fn begin(&mut self, order: Order) {
        match self {
            Self::Here(team) => team.begin(order),
            Self::Apart(apart) => apart.begin(order),
        }
    }

    /// Drains or cancels the phase.
    pub(super) fn tell(&mut self, control: Control) {
        match self {
            Self::Here(team) => team.tell(control),
            Self::Apart(apart) => apart.tell(control),
        }
    }

    /// To be asked every [`LOOK_EVERY`](super::watchdog::LOOK_EVERY): does
    /// everyone react? If not, what is said of the endpoint.
    pub(super) fn look(&mut self) -> Option<String> {
        match self {
            Self::Here(team) => team.look().map(|hang| hang.to_string()),
            Self::Apart(apart) => apart.look(),
        }
    }

    /// How the process of a crew that is gone ended.
    pub(super) fn death(&mut self) -> Option<String> {
        match self {
            Self::Here(_) => None,
            Self::Apart(apart) => Some(apart.death()),
        }
    }

    /// Lets everyone go home, and waits until they have; not for a plugin that does not let go.
    pub(super) fn dismiss(self) {
        match self {
            Self::Here(team) => team.dismiss(),
            Self::Apart(apart) => apart.dismiss(),
        }
    }
}

/// The workers that take part in a phase: in a closed loop with fewer slots than workers, some have nothing to do.
pub(super) fn active_workers(phase: &PhaseConfig, workers: usize) -> usize {
    team::slots(phase, workers).len()
}
