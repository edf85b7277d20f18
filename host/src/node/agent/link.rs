//! One agent whose workers are started, as the run sees it.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    clocks::Clocks,
    error::AgentError,
    fetch::{Origin, fetch},
    messages::{AgentCommand, Presence},
    state::AgentState,
};
use crate::{
    nats::{Bus, Outgoing, Server, Subscription},
    node::{fleet::Link, messages::PhaseStart, part::NodePart},
    plan::Phase,
    record::{NodeFacts, NodeLoss, kept_run::KeptRun, merge::NodeJournal},
    request::worker::Control,
    schedule::{
        division::Division,
        numbers::{Lease, Leases},
    },
};

/// An agent that has said nothing for so long is lost: five seconds without a network are not the end of a run.
pub(super) const SILENCE: Duration = Duration::from_secs(10);

/// Session numbers of closed loops, of all agents of a run.
#[derive(Debug)]
pub(super) struct Numbers {
    phases: Vec<Phase>,
    nodes: u32,
    leases: Mutex<BTreeMap<u32, Leases>>,
}

impl Numbers {
    pub(super) fn new(phases: Vec<Phase>, nodes: u32) -> Self {
        Self { phases, nodes, leases: Mutex::default() }
    }

    fn phase(&self, phase: u32) -> Option<&Phase> {
        self.phases.iter().find(|planned| planned.id == phase)
    }

    /// What a node begins a phase with; nothing where numbers are not dealt out.
    fn first(&self, phase: u32, node: u32) -> Option<Lease> {
        self.with(phase, |leases| leases.first(node))
    }

    /// More numbers of a phase for a node, and what all nodes are to hear when these were the last.
    pub(super) fn grant(&self, phase: u32, node: u32, wanted: u64) -> Option<(Lease, Option<Lease>)> {
        self.with(phase, |leases| (leases.grant(node, wanted), leases.end()))
    }

    /// Numbers that were given in the phases before this one.
    fn given_before(&self, phase: u32) -> u64 {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.range(..phase).map(|(_, leases)| leases.given()).sum()
    }

    fn with<T>(&self, phase: u32, ask: impl FnOnce(&mut Leases) -> T) -> Option<T> {
        let planned = self.phase(phase).filter(|planned| !planned.load.is_open())?;
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        Some(ask(leases.entry(phase).or_insert_with(|| Leases::of(planned, self.nodes))))
    }
}

/// What all agents of a run have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) bus: Bus,
    /// Under which the two sides talk.
    pub(super) run: String,
    /// Identity of the run.
    pub(super) run_id: String,
    pub(super) numbers: Arc<Numbers>,
    pub(super) clocks: Clocks,
    /// Where what the agents have kept is brought.
    pub(super) dir: PathBuf,
    /// A NATS server of ours, if it is one: it ends with the last agent.
    pub(super) _server: Mutex<Option<Server>>,
}

/// An agent.
#[derive(Debug)]
pub(super) struct AgentNode {
    pub(super) presence: Presence,
    pub(super) division: Division,
    pub(super) down: Arc<Outgoing>,
    pub(super) state: Arc<AgentState>,
    pub(super) shared: Arc<Shared>,
    /// The way of its events; closed with this value.
    pub(super) _up: Subscription,
}

impl AgentNode {
    fn say(&self, command: &AgentCommand) {
        if let Err(error) = say(&self.down, command) {
            tracing::error!(agent = self.presence.name, %error, "a command cannot be sent");
        }
    }

    /// Brings what it has kept into its folder of the run. Bytes that are missing.
    fn fetch_all(&self) -> Option<u64> {
        let kept = self.state.look(|known| known.kept.clone())?;
        let Shared { bus, run, .. } = &*self.shared;
        let from = Origin { bus, id: &self.presence.id, name: &self.presence.name, run };
        let dir = self.dir();
        let missing: Result<Vec<u64>, _> = kept.iter().map(|file| fetch(&from, file, &dir)).collect();
        match missing {
            Ok(missing) => Some(missing.into_iter().sum()),
            Err(error) => {
                self.state.lose(error.to_string());
                tracing::error!(agent = self.presence.name, %error, "what it has measured stays with it");
                None
            }
        }
    }

    fn dir(&self) -> PathBuf {
        self.shared.dir.join(&self.presence.name)
    }

    fn facts(&self, missing: Option<u64>) -> NodeFacts {
        let (_, clock_bound_ns) = self.shared.clocks.of(self.division.node);
        let (lost, unfinished) = self.state.look(|known| {
            (known.lost.clone(), known.progress.values().map(|progress| progress.in_flight()).sum())
        });
        let never_came = || NodeLoss { at_ns: 0, reason: "what it measured did not come".to_owned() };
        NodeFacts {
            node: self.division.node,
            name: self.presence.name.clone(),
            labels: self.presence.labels.clone(),
            host: Some(self.presence.host.clone()),
            version: self.presence.version.clone(),
            first_worker: self.division.first_worker,
            workers: self.presence.workers,
            clock_bound_ns,
            lost: lost.or_else(|| missing.is_none().then(never_came)),
            unfinished,
            missing_bytes: missing.filter(|missing| *missing > 0),
            damage: None,
        }
    }
}

impl Link for AgentNode {
    fn readiness(&mut self) -> Box<dyn FnOnce() + Send> {
        let state = Arc::clone(&self.state);
        Box::new(move || {
            // One that is not heard any more will be noticed.
            state.wait_until(SILENCE, |known| known.is_ready || known.lost.is_some());
        })
    }

    fn start_ahead(&self) -> Duration {
        let (_, bound_ns) = self.shared.clocks.of(self.division.node);
        // A bound is half of the way there and back; the command may have to be repeated once.
        AGREED_AHEAD.max(Duration::from_nanos(bound_ns.saturating_mul(8)))
    }

    fn begin(&mut self, start: PhaseStart) {
        let numbers = &self.shared.numbers;
        // A phase that ended by time has left out numbers that were given: they are played no more.
        let first_script = start.first_script.max(numbers.given_before(start.phase));
        let lease = numbers.first(start.phase, self.division.node);
        self.say(&AgentCommand::Phase(PhaseStart { lease, first_script, ..start }));
    }

    fn control(&mut self, phase: u32, control: Control) {
        self.say(&AgentCommand::Control(phase, control));
    }

    /// Agents ask for numbers themselves.
    fn lease(&mut self, _phase: u32, _lease: Lease) {}

    fn active_workers(&self, phase: &Phase) -> usize {
        let workers = usize::try_from(self.presence.workers).unwrap_or(usize::MAX);
        NodePart { workers, division: self.division }.active_workers(phase)
    }

    fn look(&mut self) -> Option<String> {
        None
    }

    fn loss(&mut self) -> Option<NodeLoss> {
        if self.state.silent_for() >= SILENCE {
            self.state.lose(format!("it has not been heard for {} s", SILENCE.as_secs()));
        }
        self.state.look(|known| known.lost.clone())
    }

    fn death(&mut self) -> Option<String> {
        None
    }

    fn name(&self) -> Option<&str> {
        Some(&self.presence.name)
    }

    fn workers(&self) -> std::ops::Range<u32> {
        let first = self.division.first_worker;
        first..first.saturating_add(self.presence.workers)
    }

    fn dismiss(self: Box<Self>) -> Option<NodeJournal> {
        self.say(&AgentCommand::End);
        self.state.wait_until(SILENCE, |known| known.kept.is_some());
        let missing = self.fetch_all();
        let facts = self.facts(missing);
        let (clock, _) = self.shared.clocks.of(self.division.node);
        let (run_id, nodes) = (self.shared.run_id.clone(), self.division.nodes);
        let kept = KeptRun { run_id, nodes, facts: facts.clone(), clock: clock.clone() };
        let journal = NodeJournal { dir: self.dir(), facts, clock };
        let written = fs::create_dir_all(&journal.dir).is_ok() && kept.write(&journal.dir).is_ok();
        if !written {
            tracing::error!(agent = self.presence.name, "what is known of it cannot be written");
        }
        if missing == Some(0) && written {
            self.say(&AgentCommand::Release);
            // It waits for this word a while: nobody waits for its answer but the next run.
            self.down.settle(RELEASE_TIMEOUT);
        }
        Some(journal)
    }
}

/// Says something to an agent, at once.
///
/// # Errors
/// It is no message, or too long for one.
pub(super) fn say(down: &Outgoing, command: &AgentCommand) -> Result<(), AgentError> {
    Ok(down.send_now(rmp_serde::to_vec_named(command)?)?)
}

/// How long before its instant a phase is announced, at least.
const AGREED_AHEAD: Duration = Duration::from_millis(100);

/// How long the last word to an agent may take.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);
