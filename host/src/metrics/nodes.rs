//! How each of several nodes fared: [`ByNode`] collects it, and [`NodeResults`] says it.

use std::collections::BTreeMap;

use super::{
    Measured, Results, beside::Beside, client::ClientReport, columns::Columns, first_reads::FirstReads,
    request::Request, tags, window::Window,
};
use crate::record::{NodeFacts, WorkerUsage};

/// What is measured of each node.
const OF_NODES: [&str; 8] = [
    tags::TIME_TO_FIRST_TOKEN,
    tags::REQUEST_LATENCY,
    tags::SCHEDULE_LATENESS,
    tags::REQUEST_THROUGHPUT,
    tags::REQUEST_COUNT,
    tags::ERROR_REQUEST_COUNT,
    tags::CANCELLED_REQUEST_COUNT,
    tags::REQUEST_ERROR_RATE,
];

/// Collects the measured requests of each node. Nothing is kept of a run without nodes.
#[derive(Clone, Debug)]
pub(super) struct ByNode {
    /// What the values of a node begin as.
    none: Columns,
    /// The run has nodes that are told apart.
    is_wanted: bool,
    nodes: BTreeMap<u32, OfNode>,
}

/// What is kept of a node.
#[derive(Clone, Debug)]
struct OfNode {
    columns: Columns,
    first_reads: FirstReads,
}

/// What one node came to.
#[derive(Clone, Debug)]
pub(crate) struct NodeResults {
    /// What is known of it besides its requests.
    pub(crate) facts: NodeFacts,
    /// The numbers of its requests in the measured phases, over the same time as those of the run; none where it has no record.
    pub(crate) results: Option<Results>,
    /// What was measured of prony there, and what follows.
    pub(crate) client: ClientReport,
}

impl ByNode {
    /// Nothing yet, of a run with these metrics.
    pub(super) fn new(metrics: Columns) -> Self {
        Self { none: metrics.only(&OF_NODES), is_wanted: false, nodes: BTreeMap::new() }
    }

    /// The run has nodes that are told apart.
    pub(super) fn tell_apart(&mut self) {
        self.is_wanted = true;
    }

    /// A measured request, which is a good one or not, if that is judged.
    pub(super) fn record(&mut self, request: &Request<'_>, is_good: Option<bool>, measured: &mut Measured) {
        if !self.is_wanted {
            return;
        }
        let nothing = || OfNode { columns: self.none.clone(), first_reads: FirstReads::default() };
        let of_node = self.nodes.entry(request.record.node).or_insert_with(nothing);
        of_node.columns.record(request, is_good, measured);
        if request.record.outcome.is_ok() {
            of_node.first_reads.record(request.record);
        }
    }

    /// Gets what was taken in ready to be merged.
    pub(super) fn settle(&mut self) {
        self.nodes.values_mut().for_each(|node| node.columns.settle());
    }

    /// Takes in what another collector has of other requests.
    pub(super) fn merge(&mut self, other: Self) {
        for (number, more) in other.nodes {
            match self.nodes.get_mut(&number) {
                Some(node) => {
                    node.columns.merge(more.columns);
                    node.first_reads.merge(more.first_reads);
                }
                None => drop(self.nodes.insert(number, more)),
            }
        }
    }

    /// What these nodes came to, with what the workers of all of them noted. Workers have their numbers among those of all nodes.
    pub(super) fn results(
        &mut self,
        nodes: Vec<NodeFacts>,
        workers: &[WorkerUsage],
        window: &Window,
    ) -> Vec<NodeResults> {
        let one = |facts: NodeFacts| {
            let own = workers.iter().filter(|usage| facts.has_worker(usage.worker));
            let own: Vec<WorkerUsage> = own.copied().collect();
            let found = self.nodes.get_mut(&facts.node);
            let first_reads = found.as_ref().map(|node| node.first_reads.summary(&own)).unwrap_or_default();
            NodeResults {
                results: found.map(|node| node.columns.results(window, Beside::default())),
                client: ClientReport::judge(own, first_reads),
                facts,
            }
        };
        nodes.into_iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metrics::{Aggregator, Verdict, sample},
        record::{Record, RunHeader, ScheduleCounts},
    };
    use prony_plugin_api::message::PhaseKind;

    fn facts(node: u32) -> NodeFacts {
        NodeFacts { node, first_worker: node, workers: 1, ..NodeFacts::default() }
    }

    fn usage(worker: u32, busy_percent: u64) -> WorkerUsage {
        let wall_ns = 1000 * sample::MS;
        WorkerUsage {
            worker,
            wall_ns,
            busy_ns: Some(wall_ns / 100 * busy_percent),
            unstamped_reads: 5,
            ..WorkerUsage::default()
        }
    }

    fn of_nodes(header: &RunHeader, records: &[Record]) -> Vec<NodeResults> {
        let mut aggregator = Aggregator::new(header);
        aggregator.phase_started(1, PhaseKind::Profiling, 100 * sample::MS);
        aggregator.tell_nodes_apart();
        for record in records {
            aggregator.record(record, &mut Measured::new());
        }
        let workers = vec![usage(0, 20), usage(1, 95)];
        aggregator.phase_ended(1, 1105 * sample::MS, ScheduleCounts::default(), workers);
        aggregator.results_by_node(vec![facts(0), facts(1), facts(2)])
    }

    #[test]
    fn each_node_has_its_own_requests_and_workers() {
        let on_1 = |record| Record { node: 1, worker: 1, ..record };
        let found = of_nodes(&sample::header(), &[sample::a(), on_1(sample::b()), on_1(sample::d())]);
        let of = |place: usize, tag: &str| found[place].results.as_ref().and_then(|of| of.table.avg(tag));
        assert_eq!([of(0, "request_count"), of(1, "request_count")], [Some(1.0), Some(1.0)]);
        assert_eq!([of(0, "error_request_count"), of(1, "error_request_count")], [Some(0.0), Some(1.0)]);
        assert_eq!([of(0, "time_to_first_token"), of(1, "time_to_first_token")], [Some(50.0), Some(100.0)]);
        assert!(found[2].results.is_none());
        let verdicts: Vec<Verdict> = found.iter().map(|node| node.client.verdict).collect();
        assert_eq!(verdicts, [Verdict::Ok, Verdict::Limited, Verdict::Unknown]);
    }
}
