//! What a journal says of the nodes of its run, where it has agents: [`NodeFacts`].

use serde::{Deserialize, Serialize};

use super::{host_facts::HostFacts, process_usage::ProcessUsage};
use crate::clock::RunNs;

/// What a journal says of a node of its run, where it has agents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodeFacts {
    /// Its number, from 0.
    pub(crate) node: u32,
    /// What its agent is called.
    pub(crate) name: String,
    /// Words that its agent was given.
    pub(crate) labels: Vec<String>,
    /// Its machine.
    pub(crate) host: Option<HostFacts>,
    /// Version of prony there.
    pub(crate) version: String,
    /// Its workers are those from this one on, of the workers of all nodes.
    pub(crate) first_worker: u32,
    /// How many they are.
    pub(crate) workers: u32,
    /// The largest error that its clock may have against the run's, in nanoseconds.
    pub(crate) clock_bound_ns: u64,
    /// By how much its clock went wrong at most since the run began, in nanoseconds: its records are put right, its load was not.
    pub(crate) clock_drift_ns: u64,
    /// When and why it was lost, if it was.
    pub(crate) lost: Option<NodeLoss>,
    /// Numbers of sessions that it was given and did not start, and requests that were in flight when it was lost: as far as known.
    pub(crate) unfinished: u64,
    /// Bytes of its journal that did not arrive.
    pub(crate) missing_bytes: Option<u64>,
    /// What is wrong with its journal, in words.
    pub(crate) damage: Option<String>,
    /// What the process of its agent used of the machine for the run, if its journal has an end.
    pub(crate) usage: Option<ProcessUsage>,
}

/// The end of a node before that of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NodeLoss {
    /// When, on the run's clock.
    pub(crate) at_ns: RunNs,
    /// Why: a sentence that begins with "it".
    pub(crate) reason: String,
    /// Somebody ended it by a signal, and it has said what became of all that it had begun.
    pub(crate) by_signal: bool,
}

impl NodeLoss {
    /// In words that go on from what the node is called: `was ended by SIGTERM`, `was lost: it was killed`.
    pub(crate) fn says(&self) -> String {
        match self.reason.strip_prefix("it ") {
            Some(how) if self.by_signal => how.to_owned(),
            _ => format!("was lost: {}", self.reason),
        }
    }
}

impl NodeFacts {
    /// What it is called; a node without a name has a number.
    pub(crate) fn called(&self) -> String {
        if self.name.is_empty() { format!("number {}", self.node) } else { self.name.clone() }
    }

    /// Whether the worker with this number, among those of all nodes, is one of its own.
    pub(crate) fn has_worker(&self, worker: u32) -> bool {
        worker.checked_sub(self.first_worker).is_some_and(|place| place < self.workers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_its_own_workers_only() {
        let facts = NodeFacts { first_worker: 2, workers: 2, ..NodeFacts::default() };
        let own: Vec<u32> = (0..6).filter(|worker| facts.has_worker(*worker)).collect();
        assert_eq!(own, [2, 3]);
    }

    #[test]
    fn a_node_without_a_name_is_called_by_its_number() {
        let named = NodeFacts { name: "a".into(), ..NodeFacts::default() };
        assert_eq!((named.called(), NodeFacts::default().called()), ("a".into(), "number 0".into()));
    }
}
