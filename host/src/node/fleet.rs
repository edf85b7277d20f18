//! All nodes of a run, and the one way to talk to each, whatever is between.

use std::{fmt::Debug, ops::Range, thread, time::Duration};

use super::messages::PhaseStart;
use crate::{
    plan::Phase,
    record::{NodeLoss, merge::NodeJournal},
    request::worker::Control,
    schedule::{gate::LendableSlots, lending::Limited, numbers::Lease},
};

/// Which node of a run, from 0.
pub(crate) type NodeId = u32;

/// A node whose workers are started, as the run sees it. What it produces goes to its observer.
pub(super) trait Link: Debug + Send {
    /// Returns what to wait for until all connections are open that are to be open before the load; once.
    fn readiness(&mut self) -> Box<dyn FnOnce() + Send>;

    /// Workers that take part in a phase, each of which says when its part is over. There may be none: a node's part of a closed
    /// loop is nothing where there are fewer sessions than nodes.
    fn active_workers(&self, phase: &Phase) -> usize;

    fn begin(&mut self, start: PhaseStart);

    /// Gives it more numbers of the phase with this number, a closed loop of which it has a part. One that has all of it does
    /// nothing.
    fn lease(&mut self, phase: u32, lease: Lease);

    /// Slots of a phase that has begun which other nodes may use meanwhile; none where nothing can be lent.
    fn lendable(&self, _phase: u32) -> Vec<(Limited, LendableSlots)> {
        Vec::new()
    }

    /// Drains or cancels the phase with this number, if it has begun.
    fn control(&mut self, phase: u32, control: Control);

    /// To be asked every [`LOOK_EVERY`](super::watchdog::LOOK_EVERY): what is said of the endpoint when somebody does not
    /// react.
    fn look(&mut self) -> Option<String>;

    /// How its process ended, when it is gone; `None` for one without a process of its own.
    fn death(&mut self) -> Option<String>;

    /// How long before its instant it must hear of a phase.
    fn start_ahead(&self) -> Duration {
        Duration::ZERO
    }

    /// How much longer than a node of this machine it may take to react.
    fn extra_timeout(&self) -> Duration {
        Duration::ZERO
    }

    /// Session numbers of a phase that agents were given, all of them together; some may not have been started.
    fn given(&self, _phase: u32) -> u64 {
        0
    }

    /// What an agent is called; `None` for a node of this machine.
    fn name(&self) -> Option<&str> {
        None
    }

    /// Numbers of an agent's workers among those of all nodes.
    fn workers(&self) -> Range<u32> {
        0..0
    }

    /// When and why an agent was lost, if it was.
    fn loss(&mut self) -> Option<NodeLoss> {
        None
    }

    /// Ends the workers and waits for them, but not for a plugin that does not let go. What an agent has measured, which is not
    /// in the run's journal yet.
    fn dismiss(self: Box<Self>) -> Option<NodeJournal>;
}

/// An agent that is lost.
#[derive(Clone, Debug)]
pub(crate) struct LostNode {
    pub(crate) node: NodeId,
    /// What it is called.
    pub(crate) name: String,
    /// Numbers of its workers.
    pub(crate) workers: Range<u32>,
    pub(crate) loss: NodeLoss,
}

/// The nodes of a run. Those of one machine are one node: its own process, or the child with the isolated endpoint. Agents are as many.
#[derive(Debug)]
pub(crate) struct Fleet {
    nodes: Vec<Box<dyn Link>>,
    /// Of each node, whether its loss was reported.
    lost: Vec<bool>,
}

impl Fleet {
    /// The nodes, by their ids.
    pub(super) fn new(nodes: Vec<Box<dyn Link>>) -> Self {
        let lost = vec![false; nodes.len()];
        Self { nodes, lost }
    }

    /// Returns what to wait for until all connections are open that are to be open before the load; once.
    pub(crate) fn readiness(&mut self) -> impl FnOnce() + Send + 'static {
        let waits: Vec<_> = self.nodes.iter_mut().map(|node| node.readiness()).collect();
        move || waits.into_iter().for_each(|wait| wait())
    }

    /// Workers of all nodes that take part in a phase, each of which says when its part is over.
    pub(crate) fn active_workers(&self, phase: &Phase) -> usize {
        self.there().map(|node| node.active_workers(phase)).sum()
    }

    /// Begins a phase on every node.
    pub(crate) fn begin(&mut self, start: PhaseStart) {
        let there = self.nodes.iter_mut().zip(&self.lost).filter(|(_, is_lost)| !**is_lost);
        there.for_each(|(node, _)| node.begin(start));
    }

    /// Gives the node of a fleet that has only one more numbers of the phase with this number. Several nodes cannot be given the
    /// same ones.
    pub(crate) fn lease(&mut self, phase: u32, lease: Lease) {
        if let [node] = self.nodes.as_mut_slice() {
            node.lease(phase, lease);
        }
    }

    /// Slots of a phase that has begun, of a fleet that has one node, which other fleets may use meanwhile.
    pub(crate) fn lendable(&self, phase: u32) -> Vec<(Limited, LendableSlots)> {
        if let [node] = self.nodes.as_slice() { node.lendable(phase) } else { Vec::new() }
    }

    /// Drains or cancels the phase with this number on every node.
    pub(crate) fn control(&mut self, phase: u32, control: Control) {
        self.nodes.iter_mut().for_each(|node| node.control(phase, control));
    }

    /// To be asked every [`LOOK_EVERY`](super::watchdog::LOOK_EVERY): what is said of the endpoint when somebody does not
    /// react.
    pub(crate) fn look(&mut self) -> Option<String> {
        // Every node is looked at: a look counts what it saw.
        let said: Vec<_> = self.nodes.iter_mut().filter_map(|node| node.look()).collect();
        said.into_iter().next()
    }

    /// How the process of a node ended that is gone.
    pub(crate) fn death(&mut self, node: NodeId) -> Option<String> {
        let at = usize::try_from(node).ok()?;
        self.nodes.get_mut(at)?.death()
    }

    /// How long before its instant a phase must be announced.
    pub(crate) fn start_ahead(&self) -> Duration {
        self.there().map(Link::start_ahead).max().unwrap_or_default()
    }

    /// How much longer than nodes of this machine some may take to react.
    pub(crate) fn extra_timeout(&self) -> Duration {
        self.there().map(Link::extra_timeout).max().unwrap_or_default()
    }

    /// Session numbers of a phase that agents were given; some may not have been started.
    pub(crate) fn given(&self, phase: u32) -> u64 {
        self.nodes.first().map_or(0, |node| node.given(phase))
    }

    /// What its agents are called, by their ids; none where its nodes are of this machine.
    pub(crate) fn names(&self) -> Vec<String> {
        self.nodes.iter().filter_map(|node| node.name().map(str::to_owned)).collect()
    }

    /// Whether its nodes are agents.
    pub(crate) fn is_of_agents(&self) -> bool {
        self.nodes.iter().any(|node| node.name().is_some())
    }

    /// An agent that is lost, if that was not reported before.
    pub(crate) fn newly_lost(&mut self) -> Option<LostNode> {
        let nodes = self.nodes.iter_mut().zip(&mut self.lost);
        (0..).zip(nodes).filter(|(_, (_, is_reported))| !**is_reported).find_map(
            |(number, (node, is_reported))| {
                let loss = node.loss()?;
                *is_reported = true;
                Some(LostNode { node: number, name: node.name()?.to_owned(), workers: node.workers(), loss })
            },
        )
    }

    /// Nodes whose loss was not reported.
    fn there(&self) -> impl Iterator<Item = &dyn Link> {
        self.nodes.iter().zip(&self.lost).filter(|(_, is_lost)| !**is_lost).map(|(node, _)| &**node)
    }

    /// Workers of one node that take part in a phase.
    pub(crate) fn active_workers_of(&self, node: NodeId, phase: &Phase) -> usize {
        self.nodes.get(node as usize).map_or(0, |node| node.active_workers(phase))
    }

    /// Whether there is an agent that is not lost.
    pub(crate) fn is_any_left(&self) -> bool {
        self.lost.iter().any(|is_lost| !is_lost)
    }

    /// Ends all workers and waits for them, but not for a plugin that does not let go. What agents have measured.
    pub(crate) fn dismiss(self) -> Vec<NodeJournal> {
        dismissed(self.nodes)
    }

    /// The same where workers do not react: those of this machine are left behind.
    pub(crate) fn abandon(self) -> Vec<NodeJournal> {
        dismissed(self.nodes.into_iter().filter(|node| node.name().is_some()).collect())
    }
}

/// All at the same time: agents have much to send.
fn dismissed(nodes: Vec<Box<dyn Link>>) -> Vec<NodeJournal> {
    thread::scope(|scope| {
        let ends: Vec<_> = nodes.into_iter().map(|node| scope.spawn(move || node.dismiss())).collect();
        // One that panics has nothing to give, and its panic is reported.
        ends.into_iter().filter_map(|end| end.join().ok().flatten()).collect()
    })
}
