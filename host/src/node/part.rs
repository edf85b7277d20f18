//! The part of a node in a phase: which of its workers have something to do, and how many slots they have.

use crate::{
    plan::{Load, Phase},
    schedule::{division::Division, gate::Slots},
};

/// The workers of a node, and their part of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodePart {
    /// How many there are.
    pub(super) workers: usize,
    /// The node's part.
    pub(super) division: Division,
}

impl NodePart {
    /// The slots of each worker that takes part in a phase. In a closed loop everyone has a share; with fewer slots than
    /// workers, some have nothing to do, and where a node has no slot at any time, nobody has. In an open loop, where requests are
    /// dealt out beforehand, all share one limit: a request must not wait in one worker for a slot that is free in another. So
    /// they do in a closed loop whose width changes: a worker whose share were none for a while could not tell when the phase is
    /// over. And so they do where the next phase takes the slots over.
    pub(super) fn slots(self, phase: &Phase) -> Vec<Slots> {
        let Self { workers, division } = self;
        match &phase.load {
            Load::Closed { sessions } => {
                if let Some(all) = sessions.as_constant().filter(|_| !phase.hands_over) {
                    let all = self.part(all);
                    let active = all.min(workers);
                    return (0..active).map(|worker| Slots::fixed(share(all, worker, active))).collect();
                }
                let active = self.part(sessions.most()).min(workers);
                vec![Slots::following(sessions.clone(), division); active]
            }
            Load::Open { limit, .. } | Load::Replay { limit, .. } | Load::Users { limit, .. } => {
                let following = |limit| Slots::following(limit, division);
                vec![limit.in_flight().map_or_else(|| Slots::fixed(usize::MAX), following); workers]
            }
        }
    }

    /// The workers that take part in a phase.
    pub(super) fn active_workers(self, phase: &Phase) -> usize {
        self.slots(phase).len()
    }

    /// The connections that each worker needs when so many are used by all nodes.
    pub(super) fn connections(self, of_all: u32) -> Vec<usize> {
        let all = self.part(of_all);
        (0..self.workers).map(|worker| share(all, worker, self.workers)).collect()
    }

    /// The node's part of a number.
    fn part(self, of_all: u32) -> usize {
        usize::try_from(self.division.part(of_all.into())).unwrap_or(usize::MAX)
    }
}

/// Slots of one worker: as even as it goes, the first ones taking what is left over.
fn share(slots: usize, worker: usize, workers: usize) -> usize {
    slots / workers + usize::from(worker < slots % workers)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::plan::{Law, Limit, Ramp, StopRule};

    #[test]
    fn slots_are_shared_without_loss() {
        for (slots, workers) in [(1, 1), (7, 3), (8, 3), (3, 3), (1000, 7)] {
            let shares: Vec<usize> = (0..workers).map(|worker| share(slots, worker, workers)).collect();
            assert_eq!(shares.iter().sum::<usize>(), slots);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }

    fn phase(load: Load) -> Phase {
        Phase::measured(load, StopRule::after_requests(100.try_into().unwrap()))
    }

    fn closed(sessions: Ramp<u32>) -> Phase {
        phase(Load::Closed { sessions })
    }

    /// Three nodes with two workers each.
    #[rstest]
    #[case::a_slot_for_each_worker(closed(Ramp::constant(6).unwrap()), [2, 2, 2])]
    #[case::fewer_slots_than_workers(closed(Ramp::constant(4).unwrap()), [2, 1, 1])]
    #[case::fewer_slots_than_nodes(closed(Ramp::constant(2).unwrap()), [1, 1, 0])]
    #[case::a_ramp_to_fewer_than_nodes(closed(Ramp::linear(1, 2, 5.0).unwrap()), [1, 1, 0])]
    #[case::a_ramp(closed(Ramp::linear(1, 30, 5.0).unwrap()), [2, 2, 2])]
    #[case::handed_over(Phase { hands_over: true, ..closed(Ramp::constant(4).unwrap()) }, [2, 1, 1])]
    #[case::an_open_loop(
        phase(Load::Open { rate: Ramp::constant(9.0).unwrap(), law: Law::Poisson, limit: Limit::default() }),
        [2, 2, 2]
    )]
    fn workers_without_a_slot_at_any_time_do_not_take_part(
        #[case] phase: Phase,
        #[case] expected: [usize; 3],
    ) {
        let active = [0, 1, 2].map(|node| {
            let division = Division { node, nodes: 3, first_worker: 2 * node, workers: 6 };
            NodePart { workers: 2, division }.active_workers(&phase)
        });
        assert_eq!(active, expected);
    }

    #[test]
    fn connections_are_divided_among_the_workers_of_all_nodes() {
        let of = |node| NodePart {
            workers: 2,
            division: Division { node, nodes: 2, first_worker: 2 * node, workers: 4 },
        };
        assert_eq!([of(0).connections(7), of(1).connections(7)], [[2, 2], [2, 1]]);
    }
}
