//! What all agents of a run have in common: [`Shared`], and the [`Numbers`] of its closed loops.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use super::{clocks::Clocks, lendings::Lendings, permits::Permits, ssh::SshAgents};
use crate::{
    nats::{Bus, Server},
    plan::Phase,
    schedule::numbers::{Lease, Leases},
};

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

    /// What a node begins a phase with; nothing where numbers are not dealt out.
    pub(super) fn first(&self, phase: u32, node: u32) -> Option<Lease> {
        self.with(phase, |leases| leases.first(node))
    }

    /// More numbers of a phase for a node, and what all nodes are to hear when these were the last.
    pub(super) fn grant(&self, phase: u32, node: u32, wanted: u64) -> Option<(Lease, Option<Lease>)> {
        self.with(phase, |leases| (leases.grant(node, wanted), leases.end()))
    }

    /// Numbers of a phase that were given.
    pub(super) fn given(&self, phase: u32) -> u64 {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.get(&phase).map_or(0, Leases::given)
    }

    fn with<T>(&self, phase: u32, ask: impl FnOnce(&mut Leases) -> T) -> Option<T> {
        let planned = self.phases.iter().find(|planned| planned.id == phase)?;
        if planned.load.is_open() {
            return None;
        }
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        Some(ask(leases.entry(phase).or_insert_with(|| Leases::of(planned, self.nodes))))
    }
}

/// What all agents of a run have in common.
#[derive(Debug)]
pub(super) struct Shared {
    /// Agents that the run has started: they end before the bus does.
    pub(super) own: SshAgents,
    pub(super) bus: Bus,
    /// Under which the two sides talk.
    pub(super) run: String,
    /// Identity of the run.
    pub(super) run_id: String,
    pub(super) numbers: Arc<Numbers>,
    pub(super) lendings: Lendings,
    pub(super) clocks: Clocks,
    /// The folder into which the files of the agents are fetched.
    pub(super) dir: PathBuf,
    /// Limits how many threads fetch it at the same time.
    pub(super) fetching: Permits,
    /// A NATS server of ours, if it is one: it ends with the last agent.
    pub(super) _server: Mutex<Option<Server>>,
}
