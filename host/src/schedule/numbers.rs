//! Leases: which numbers of a closed loop each of several nodes may start.
//!
//! Nobody knows whose sessions end first, so that numbers cannot be dealt beforehand. Nor can each be asked for over a network
//! when a slot is free. A node asks for some in advance, and gets the next ones in a row. Near the end of a phase it gets few at a
//! time, so that no node has the last work alone.

use serde::{Deserialize, Serialize};

use super::division::part;
use crate::plan::{Load, Phase};

/// Numbers that a node gets at first for each of its slots: enough until its next ones arrive, where a session takes longer than
/// some 25 ms and a question 100 ms. Of a phase with a number of sessions it gets less.
const FIRST_A_SLOT: u64 = 8;

/// Session numbers from `from` to the one before `to` that a node may start in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    /// The first one.
    pub(crate) from: u64,
    /// The one behind the last one.
    pub(crate) to: u64,
    /// No more come.
    pub(crate) is_last: bool,
}

/// The controller's side, which is pure: gives out the numbers of one phase of a closed loop, each once.
#[derive(Clone, Debug)]
pub(crate) struct Leases {
    /// How many there are, if their number is limited.
    limit: Option<u64>,
    /// The next one that nobody has.
    next: u64,
    /// Among how many nodes the phase is divided.
    nodes: u32,
    /// Nodes that have a slot at some time: the first ones.
    active: u32,
    /// Slots of all nodes when the phase begins.
    slots_at_start: u64,
}

impl Leases {
    /// Those of a phase that is divided among so many nodes. Only a closed loop has any.
    pub(crate) fn of(phase: &Phase, nodes: u32) -> Self {
        let (active, slots_at_start) = match &phase.load {
            Load::Closed { sessions } => (sessions.most().min(nodes), sessions.at(0.0).into()),
            Load::Open { .. } | Load::Replay { .. } | Load::Users { .. } => (0, 0),
        };
        Self { limit: phase.stop.most_sessions(), next: 0, nodes, active, slots_at_start }
    }

    /// What a node begins the phase with: enough for each slot that it has then, and not more than its part of all numbers. It
    /// has none without a slot, and asks when it has one.
    pub(crate) fn first(&mut self, node: u32) -> Lease {
        let slots = part(self.slots_at_start, node, self.nodes);
        let fair = self.limit.map_or(u64::MAX, |limit| part(limit, node, self.active));
        let most = (fair / 2).max(slots.min(fair));
        self.give(node, slots.saturating_mul(FIRST_A_SLOT).min(most))
    }

    /// What a node gets that asks for so many more: never beyond the limit, and no more than half of its part of what is left,
    /// but one at least as long as there is any.
    pub(crate) fn grant(&mut self, node: u32, wanted: u64) -> Lease {
        let active = u64::from(self.active.max(1));
        let most = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.next) / (2 * active));
        self.give(node, wanted.min(most).max(1))
    }

    /// What every node is to hear once all numbers are given out: one that has no slot yet does not ask, and would wait for it.
    /// To say it twice changes nothing.
    pub(crate) fn end(&self) -> Option<Lease> {
        (self.limit == Some(self.next)).then_some(Lease { from: self.next, to: self.next, is_last: true })
    }

    /// How many were given out.
    pub(crate) fn given(&self) -> u64 {
        self.next
    }

    fn give(&mut self, node: u32, count: u64) -> Lease {
        let from = self.next;
        if node >= self.active {
            return Lease { from, to: from, is_last: true };
        }
        let to = from.saturating_add(count).min(self.limit.unwrap_or(u64::MAX));
        self.next = to;
        Lease { from, to, is_last: self.limit == Some(to) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::plan::{Grace, Ramp, StopRule, TimeLimit};

    fn leases(sessions: u32, limit: u64, nodes: u32) -> Leases {
        let load = Load::Closed { sessions: Ramp::constant(sessions).unwrap() };
        let stop = StopRule::after_requests(limit.try_into().unwrap());
        Leases::of(&Phase::measured(load, stop), nodes)
    }

    fn numbers(lease: Lease) -> u64 {
        lease.to - lease.from
    }

    /// Enough for all slots at once is given out at once, as one node would start it; of more, a part is kept for who is fast.
    #[rstest]
    #[case::as_many_as_slots(300, 300, &[100, 100, 100])]
    #[case::fewer_than_slots(300, 100, &[34, 33, 33])]
    #[case::some_more(300, 450, &[100, 100, 100])]
    #[case::more(300, 1000, &[167, 166, 166])]
    #[case::many(6, 100_000, &[16, 16, 16])]
    #[case::uneven_slots(7, 7, &[3, 2, 2])]
    #[case::a_node_without_slots(2, 100, &[8, 8, 0])]
    fn nodes_begin_with_what_their_slots_need(
        #[case] sessions: u32,
        #[case] limit: u64,
        #[case] expected: &[u64],
    ) {
        let mut leases = leases(sessions, limit, 3);
        let first: Vec<u64> = (0..3).map(|node| numbers(leases.first(node))).collect();
        assert_eq!(first, expected);
        assert_eq!(leases.given(), expected.iter().sum::<u64>());
    }

    #[test]
    fn a_node_whose_slots_come_later_begins_with_nothing_and_may_ask() {
        let sessions = Ramp::linear(1, 9, 60.0).unwrap();
        let stop = StopRule::after_requests(90.try_into().unwrap());
        let mut leases = Leases::of(&Phase::measured(Load::Closed { sessions }, stop), 3);
        assert_eq!(numbers(leases.first(0)), 8);
        assert_eq!(leases.first(1), Lease { from: 8, to: 8, is_last: false });
        assert_eq!(leases.grant(1, 2), Lease { from: 8, to: 10, is_last: false });
    }

    #[test]
    fn near_the_end_a_node_gets_few_numbers_at_a_time() {
        let mut leases = leases(4, 100, 2);
        let given: Vec<u64> = std::iter::repeat_with(|| leases.grant(0, 1000))
            .take_while(|lease| numbers(*lease) > 0)
            .map(numbers)
            .collect();
        assert_eq!(given[..4], [25, 18, 14, 10]);
        assert_eq!(given[given.len() - 4..], [1; 4]);
    }

    #[test]
    fn without_a_number_of_sessions_there_is_no_end() {
        let load = Load::Closed { sessions: Ramp::constant(4).unwrap() };
        let time = TimeLimit { duration_s: 5.0, grace: Grace::Infinite };
        let phase = Phase::measured(load, StopRule::of(None, None, Some(time)).unwrap());
        let mut leases = Leases::of(&phase, 2);
        assert_eq!(leases.first(1), Lease { from: 0, to: 16, is_last: false });
        assert_eq!(leases.grant(0, 1_000_000), Lease { from: 16, to: 1_000_016, is_last: false });
        assert_eq!(leases.end(), None);
    }

    proptest! {
        /// No matter who asks for how many, in which order: every number is given once, none beyond the limit, and everybody hears of
        /// the end.
        #[test]
        fn every_number_is_given_once(
            sessions in 1_u32..40, limit in 1_u64..2000, nodes in 1_u32..5,
            asked in prop::collection::vec((0_u32..5, 0_u64..200), 0..60)
        ) {
            let mut leases = leases(sessions, limit, nodes);
            let mut given: Vec<u64> = Vec::new();
            for node in 0..nodes {
                let lease = leases.first(node);
                given.extend(lease.from..lease.to);
            }
            for (node, wanted) in asked {
                let lease = leases.grant(node % nodes, wanted);
                given.extend(lease.from..lease.to);
            }
            for node in 0..nodes {
                loop {
                    let lease = leases.grant(node, 50);
                    given.extend(lease.from..lease.to);
                    if lease.is_last {
                        break;
                    }
                    prop_assert!(lease.from < lease.to, "an answer without a number is the last one");
                }
            }
            prop_assert_eq!(given, (0..limit).collect::<Vec<_>>());
            prop_assert!((0..nodes).all(|node| leases.grant(node, 1).is_last));
            prop_assert_eq!(leases.end(), Some(Lease { from: limit, to: limit, is_last: true }));
        }
    }
}
