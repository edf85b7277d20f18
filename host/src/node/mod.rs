//! Nodes: where the workers of a run are. This is the one place that knows in which process they work.
//!
//! An endpoint is loaded before the run, in this process or in a child ([`LoadedEndpoint`]), and becomes the node that
//! sends the requests. Workers and their endpoint are always in one process: no chunk of a response crosses to another, and
//! instants are as good there as here. What crosses are finished requests, in batches.
//!
//! - [`endpoint`]: an endpoint in its process; [`worker_pool`]: the workers as threads of a process, whichever it is; [`part`]:
//!   which of them take part in a phase, and with how many slots;
//! - [`child`]: a worker pool in a child process, as its parent sees it; [`serve`]: the same, seen from within;
//! - [`fleet`]: all nodes of a run, and the one way to talk to each;
//! - [`messages`]: the commands and events between the two, [`sequence`]: their numbers, and [`batch`]: how the dataset is sent to a
//!   child;
//! - [`agent`]: nodes on other machines; [`progress`]: how far one is whose requests are counted there; [`early_end`]: why a
//!   run is ended early;
//! - [`readiness`]: whether the target can be measured; [`watchdog`] and [`background`]: calls into plugins that may not return.

pub(crate) mod agent;
mod background;
mod batch;
mod child;
pub(crate) mod early_end;
mod endpoint;
mod error;
mod fleet;
mod messages;
mod observer;
mod part;
pub(crate) mod progress;
mod readiness;
mod remote_error;
mod sequence;
pub(crate) mod serve;
pub(crate) mod watchdog;
mod work;
mod worker_pool;

use std::sync::Arc;

use self::{
    agent::Agents, child::ChildNode, endpoint::endpoint_options, fleet::Link, part::NodePart,
    worker_pool::WorkerPool,
};
pub(crate) use self::{
    endpoint::{HostedEndpoint, plan_target},
    error::NodeError,
    fleet::{Fleet, LostNode, NodeId},
    messages::PhaseStart,
    observer::Observer,
    remote_error::{Class, RemoteError},
    work::Work,
    worker_pool::phase_seed,
};
use crate::{
    clock::Clock,
    dataset::Source,
    plan::Plan,
    plugin::{Category, Isolation, Key, Registry},
    request::{target::TargetPlan, worker::Equipment},
};

/// The one node that a run has.
const FIRST: NodeId = 0;

/// What loading an endpoint takes.
#[derive(Debug)]
pub(crate) struct Loading<'a> {
    /// The plugins of this run.
    pub(crate) registry: &'a Arc<Registry>,
    /// What a child is told about its log on its command line.
    pub(crate) log_words: Vec<&'static str>,
}

/// A loaded endpoint that waits for a run.
#[derive(Debug)]
pub(crate) enum LoadedEndpoint {
    /// In this process.
    InProcess(HostedEndpoint),
    /// In a child, which will hold the workers as well.
    Child(Box<ChildNode>),
    /// On other machines, which will hold the workers as well.
    Agents(Box<Agents>),
}

impl LoadedEndpoint {
    /// Loads the endpoint of a run in the process where it belongs.
    pub(crate) fn load(loading: &Loading<'_>, plan: &Plan) -> Result<Self, NodeError> {
        let name = &plan.target.endpoint_type;
        let by_user = plan.isolate.iter().any(|isolated| Key::of(isolated) == Key::of(name));
        let by_manifest = loading.registry.isolation(Category::Endpoint, name)? == Isolation::Process;
        if by_user || by_manifest {
            let options = endpoint_options(plan);
            let child = ChildNode::load(name, loading.registry, options, &loading.log_words)?;
            return Ok(Self::Child(Box::new(child)));
        }
        HostedEndpoint::load(loading.registry, name, endpoint_options(plan)).map(Self::InProcess)
    }

    /// Has the agents of a plan load its endpoint, where it names agents. `notice` hears what the user should know meanwhile.
    ///
    /// # Errors
    /// There are not enough of them.
    pub(crate) fn of_agents(
        plan: &Plan,
        registry: &Registry,
        notice: &mut dyn FnMut(&str),
    ) -> Result<Option<Self>, NodeError> {
        let Some(wanted) = &plan.agents else { return Ok(None) };
        Ok(Some(Self::Agents(Box::new(Agents::call(plan, wanted, registry, notice)?))))
    }

    /// Returns once the target can be measured. `counts` says whether the run's tokenizer counts the source's texts.
    pub(crate) fn await_target(
        &mut self,
        plan: &Plan,
        target: &Arc<TargetPlan>,
        source: &Source,
        counts: bool,
        clock: Clock,
        registry: &Registry,
    ) -> Result<(), NodeError> {
        match self {
            Self::Agents(agents) => Ok(agents.equip(plan, source, clock, registry)?),
            Self::InProcess(hosted) => {
                if plan.target.wait_for_model_timeout_s <= 0.0 {
                    return Ok(readiness::check_reachable(plan, target)?);
                }
                hosted.await_model(plan, target, &source.script(0), clock)
            }
            Self::Child(child) => {
                if plan.target.wait_for_model_timeout_s <= 0.0 {
                    readiness::check_reachable(plan, target)?;
                }
                child.equip(plan, source, counts, clock)?;
                if plan.target.wait_for_model_timeout_s > 0.0 {
                    child.await_model(plan.target.wait_for_model_timeout_s)?;
                }
                Ok(())
            }
        }
    }

    pub(crate) fn start<O: Observer>(self, work: &Work<'_>, observer: &O) -> Result<Fleet, NodeError> {
        let node: Box<dyn Link> = match self {
            Self::Agents(agents) => return Ok(Fleet::new(agents.start(work, observer)?)),
            Self::InProcess(hosted) => {
                let equipment = Equipment {
                    clock: work.clock,
                    endpoint: hosted.endpoint().clone(),
                    target: Arc::clone(work.target),
                    source: Arc::clone(work.source),
                    sink: observer.clone(),
                };
                Box::new(WorkerPool::start(work.plan, work.division, &equipment, hosted)?)
            }
            Self::Child(mut child) => {
                let part = NodePart { workers: work.plan.workers, division: work.division };
                child.start(part, FIRST, work.target.bodies.clone(), observer.clone())?;
                child
            }
        };
        Ok(Fleet::new(vec![node]))
    }
}

/// Loads the endpoint of a plan in this process, wherever it belongs in a run, to make requests that are not sent.
///
/// # Errors
/// It cannot be loaded.
pub(crate) fn load_here(registry: &Arc<Registry>, plan: &Plan) -> Result<HostedEndpoint, NodeError> {
    HostedEndpoint::load(registry, &plan.target.endpoint_type, endpoint_options(plan))
}
