//! All nodes of a run, and the one way to talk to each, whatever is between.

use std::fmt::Debug;

use super::messages::PhaseStart;
use crate::{plan::Phase, request::worker::Control, schedule::numbers::Lease};

/// Which node of a run, from 0.
pub(crate) type NodeId = u32;

/// A node whose workers are started, as the run sees it. What it produces goes to its observer.
pub(super) trait Link: Debug + Send {
    /// Returns what to wait for until all connections are open that are to be open before the load; once.
    fn readiness(&mut self) -> Box<dyn FnOnce() + Send>;

    /// Workers that take part in a phase, each of which says when its part is over. There may be none: a node's part of a closed
    /// loop is nothing where there are fewer sessions than nodes.
    fn active_workers(&self, phase: &Phase) -> usize;

    /// Begins a phase.
    fn begin(&mut self, start: PhaseStart);

    /// Gives it more numbers of the phase with this number, a closed loop of which it has a part. One that has all of it does
    /// nothing.
    fn lease(&mut self, phase: u32, lease: Lease);

    /// Drains or cancels the phase with this number, if it has begun.
    fn control(&mut self, phase: u32, control: Control);

    /// To be asked every [`LOOK_EVERY`](super::watchdog::LOOK_EVERY): what is said of the endpoint when somebody does not
    /// react.
    fn look(&mut self) -> Option<String>;

    /// How its process ended, when it is gone; `None` for one without a process of its own.
    fn death(&mut self) -> Option<String>;

    /// Ends the workers and waits for them, but not for a plugin that does not let go.
    fn dismiss(self: Box<Self>);
}

/// The nodes of a run. Those of one machine are one node today: its own process, or the child with the isolated endpoint.
#[derive(Debug)]
pub(crate) struct Fleet(Vec<Box<dyn Link>>);

impl Fleet {
    /// The nodes, by their ids.
    pub(super) fn new(nodes: Vec<Box<dyn Link>>) -> Self {
        Self(nodes)
    }

    /// Returns what to wait for until all connections are open that are to be open before the load; once.
    pub(crate) fn readiness(&mut self) -> impl FnOnce() + Send + 'static {
        let waits: Vec<_> = self.0.iter_mut().map(|node| node.readiness()).collect();
        move || waits.into_iter().for_each(|wait| wait())
    }

    /// Workers of all nodes that take part in a phase, each of which says when its part is over.
    pub(crate) fn active_workers(&self, phase: &Phase) -> usize {
        self.0.iter().map(|node| node.active_workers(phase)).sum()
    }

    /// Begins a phase on every node.
    pub(crate) fn begin(&mut self, start: PhaseStart) {
        self.0.iter_mut().for_each(|node| node.begin(start));
    }

    /// Gives the node of a fleet that has only one more numbers of the phase with this number. Several nodes cannot be given the
    /// same ones.
    pub(crate) fn lease(&mut self, phase: u32, lease: Lease) {
        if let [node] = self.0.as_mut_slice() {
            node.lease(phase, lease);
        }
    }

    /// Drains or cancels the phase with this number on every node.
    pub(crate) fn control(&mut self, phase: u32, control: Control) {
        self.0.iter_mut().for_each(|node| node.control(phase, control));
    }

    /// To be asked every [`LOOK_EVERY`](super::watchdog::LOOK_EVERY): what is said of the endpoint when somebody does not
    /// react.
    pub(crate) fn look(&mut self) -> Option<String> {
        // Every node is looked at: a look counts what it saw.
        let said: Vec<_> = self.0.iter_mut().filter_map(|node| node.look()).collect();
        said.into_iter().next()
    }

    /// How the process of a node ended that is gone.
    pub(crate) fn death(&mut self, node: NodeId) -> Option<String> {
        let at = usize::try_from(node).ok()?;
        self.0.get_mut(at)?.death()
    }

    /// Ends all workers and waits for them, but not for a plugin that does not let go.
    pub(crate) fn dismiss(self) {
        self.0.into_iter().for_each(Link::dismiss);
    }
}
