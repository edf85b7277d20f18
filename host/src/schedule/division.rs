//! Divisions: the part of a run that each of several nodes has.
//!
//! The parts of all nodes together are the whole run: workers are numbered over all nodes, and numbers of slots and requests
//! are divided without rest. A node that is the only one has all of it.

use serde::{Deserialize, Serialize};

use crate::plan::{Load, Phase, Ramp};

/// The part of a run that one node has: its workers are those from `first_worker` on, of `workers` of all nodes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Division {
    /// Which of the nodes it is, from 0.
    pub(crate) node: u32,
    /// How many there are, at least 1.
    pub(crate) nodes: u32,
    /// Workers of the nodes before it.
    pub(crate) first_worker: u32,
    /// Workers of all nodes.
    pub(crate) workers: u32,
}

impl Division {
    /// That of the only node, which has so many workers.
    pub(crate) fn whole(workers: u32) -> Self {
        Self { node: 0, nodes: 1, first_worker: 0, workers }
    }

    /// Whether there is no other node.
    pub(crate) fn is_whole(self) -> bool {
        self.nodes == 1
    }

    /// The part that the node has of an amount: as even as it goes, the first nodes take what is left over. The parts of all
    /// nodes sum to the amount.
    pub(crate) fn part(self, amount: u64) -> u64 {
        part(amount, self.node, self.nodes)
    }

    /// Why a phase cannot be divided among the nodes, in words that follow the name of the phase; `None` where it can. It is the
    /// same for every node of a run.
    ///
    /// A request of an open loop is dealt to a node, whether or not that one has a slot for it: each node needs one all the
    /// time. In a closed loop a node may begin without a slot. But it must not lose its last one, where the phase has a number
    /// of sessions: nobody else could start those that it was given.
    pub(crate) fn refuses(self, phase: &Phase) -> Option<String> {
        if self.is_whole() {
            return None;
        }
        let prefill = phase.rules.prefill.as_ref();
        match &phase.load {
            Load::Closed { sessions } => {
                let active = self.nodes.min(sessions.most());
                let ends_by_number = phase.stop.most_sessions().is_some();
                let lost = lost_slot(sessions, active).filter(|_| ends_by_number);
                let in_vain = || prefill.and_then(|curve| never_enough(curve, active));
                let prefill_lost = || prefill.and_then(|curve| lost_slot(curve, active));
                let (what, slots) = lost
                    .map(|slots| ("sessions at once", slots))
                    .or_else(|| in_vain().or_else(prefill_lost).map(|slots| ("prefill slots", slots)))?;
                Some(self.too_few(what, slots, active))
            }
            Load::Open { limit, .. } | Load::Replay { limit, .. } | Load::Users { limit, .. } => {
                let in_flight = limit.in_flight();
                let limits = [("requests at once", in_flight.as_ref()), ("prefill slots", prefill)];
                limits.into_iter().find_map(|(what, curve)| {
                    let least = least(curve?);
                    (least < self.nodes).then(|| self.too_few(what, least, self.nodes))
                })
            }
        }
    }

    fn too_few(self, what: &str, slots: u32, needed: u32) -> String {
        let nodes = self.nodes;
        format!(
            "has only {slots} {what} at some time, and {nodes} agents divide it, of which {needed} need one each: \
             use fewer agents, or at least {needed} {what} all the time"
        )
    }
}

/// The part of an amount that one of several nodes has; nothing for a node that is none of them.
pub(super) fn part(amount: u64, node: u32, nodes: u32) -> u64 {
    if node >= nodes {
        return 0;
    }
    let (node, nodes) = (u64::from(node), u64::from(nodes));
    amount / nodes + u64::from(node < amount % nodes)
}

/// The lowest value that a curve has at any time.
fn least(curve: &Ramp<u32>) -> u32 {
    levels(curve).fold(u32::MAX, u32::min)
}

/// The values at the ends of the lines that a curve consists of, in the order of their times. Between two of them it has none
/// that is higher or lower than both.
fn levels(curve: &Ramp<u32>) -> impl Iterator<Item = u32> {
    curve.pieces().into_iter().flat_map(|piece| [level(piece.from), level(piece.to)])
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was made of such a number")]
fn level(number: f64) -> u32 {
    number as u32
}

/// The highest value of a curve, if it is not enough for each of these nodes at any time.
fn never_enough(curve: &Ramp<u32>, nodes: u32) -> Option<u32> {
    Some(curve.most()).filter(|most| *most < nodes)
}

/// The value at which a node loses its last slot, if one does. Node number `n` has a slot where there are more than `n`.
fn lost_slot(curve: &Ramp<u32>, nodes: u32) -> Option<u32> {
    let mut highest = 0;
    levels(curve).find(|level| {
        highest = highest.max(*level);
        *level < highest.min(nodes)
    })
}

/// A node's part of a number that follows a curve.
#[derive(Clone, Debug)]
pub(super) struct CurvePart {
    curve: Ramp<u32>,
    division: Division,
}

impl CurvePart {
    pub(super) fn of(curve: Ramp<u32>, division: Division) -> Self {
        Self { curve, division }
    }

    /// The part at a time, in seconds since the start of the phase.
    pub(super) fn at(&self, time_s: f64) -> u64 {
        self.division.part(self.curve.at(time_s).into())
    }

    /// It is the same all the time.
    pub(super) fn is_constant(&self) -> bool {
        self.curve.as_constant().is_some()
    }

    /// When it may be another one, after a time; never again without a value. Both are in seconds since the start of the phase.
    pub(super) fn next_change_s(&self, after_s: f64) -> Option<f64> {
        self.curve.next_change_s(after_s)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::plan::{Grace, Law, Limit, Rules, StopRule, TimeLimit};

    fn divisions(nodes: u32) -> impl Iterator<Item = Division> {
        (0..nodes).map(move |node| Division { node, nodes, first_worker: node, workers: nodes })
    }

    fn curve(points: Vec<(f64, u32)>, holds: bool) -> Ramp<u32> {
        if holds { Ramp::steps(points) } else { Ramp::series(points) }.unwrap()
    }

    fn closed(levels: &[u32], stop: StopRule) -> Phase {
        let points = levels.iter().enumerate().map(|(at, level)| (at as f64, *level)).collect();
        Phase::measured(Load::Closed { sessions: curve(points, false) }, stop)
    }

    fn by_number() -> StopRule {
        StopRule::after_requests(100.try_into().unwrap())
    }

    fn by_time() -> StopRule {
        StopRule::of(None, None, Some(TimeLimit { duration_s: 9.0, grace: Grace::Infinite })).unwrap()
    }

    fn open(limit: Option<u32>) -> Phase {
        let limit = Limit { sessions: limit.and_then(NonZeroU32::new), requests: None };
        let rate = Ramp::constant(5.0).unwrap();
        Phase::measured(Load::Open { rate, law: Law::Poisson, limit }, by_number())
    }

    fn with_prefill(mut phase: Phase, levels: &[u32]) -> Phase {
        let points = levels.iter().enumerate().map(|(at, level)| (at as f64, *level)).collect();
        phase.rules = Rules { prefill: Some(curve(points, true)), ..Rules::default() };
        phase
    }

    proptest! {
        #[test]
        fn parts_are_even_and_sum_to_the_amount(amount in any::<u64>(), nodes in 1_u32..9) {
            let parts: Vec<u64> = divisions(nodes).map(|division| division.part(amount)).collect();
            prop_assert_eq!(parts.iter().sum::<u64>(), amount);
            prop_assert!(parts.is_sorted_by(|one, other| one >= other));
            prop_assert!(parts[0] - parts[parts.len() - 1] <= 1);
        }

        #[test]
        fn at_each_instant_the_slots_of_all_nodes_are_those_of_the_curve(
            levels in prop::collection::vec((0.1_f64..5.0, 1_u32..300), 1..6), holds in any::<bool>(),
            nodes in 1_u32..5, at_s in 0.0_f64..25.0
        ) {
            let mut time_s = 0.0;
            let points = levels.into_iter().map(|(gap, level)| {
                let at = time_s;
                time_s += gap;
                (at, level)
            });
            let curve = curve(points.collect(), holds);
            let parts = divisions(nodes).map(|division| CurvePart::of(curve.clone(), division).at(at_s));
            prop_assert_eq!(parts.sum::<u64>(), u64::from(curve.at(at_s)));
        }
    }

    #[rstest]
    #[case::an_open_loop_without_a_limit(open(None), 4, false)]
    #[case::a_slot_for_each(open(Some(4)), 4, false)]
    #[case::a_node_without_a_slot(open(Some(3)), 4, true)]
    #[case::one_node(open(Some(1)), 1, false)]
    #[case::fewer_sessions_than_nodes(closed(&[2], by_number()), 3, false)]
    #[case::a_node_that_begins_later(closed(&[1, 9], by_number()), 3, false)]
    #[case::a_node_that_never_begins(closed(&[1, 2, 2], by_number()), 3, false)]
    #[case::a_node_that_loses_its_slots(closed(&[9, 2], by_number()), 3, true)]
    #[case::the_second_of_two(closed(&[2, 1], by_number()), 3, true)]
    #[case::for_a_while(closed(&[9, 2, 9], by_number()), 3, true)]
    #[case::until_the_time_is_over(closed(&[9, 2], by_time()), 3, false)]
    #[case::enough_at_all_times(closed(&[9, 3, 5], by_number()), 3, false)]
    #[case::a_prefill_slot_for_each(with_prefill(open(None), &[3]), 3, false)]
    #[case::prefill_slots_that_come_late(with_prefill(open(None), &[1, 3]), 3, true)]
    #[case::in_a_closed_loop(with_prefill(closed(&[9], by_time()), &[1, 3]), 3, false)]
    #[case::a_prefill_slot_too_few(with_prefill(closed(&[9], by_time()), &[2]), 3, true)]
    #[case::nobody_needs_the_third_one(with_prefill(closed(&[2], by_time()), &[2]), 3, false)]
    fn a_phase_is_refused_where_a_node_would_wait_in_vain(
        #[case] phase: Phase,
        #[case] nodes: u32,
        #[case] is_refused: bool,
    ) {
        for division in divisions(nodes) {
            assert_eq!(division.refuses(&phase).is_some(), is_refused, "{:?}", division.refuses(&phase));
        }
    }

    #[test]
    fn the_refusal_says_what_is_too_few_and_what_to_do() {
        let division = divisions(3).next().unwrap();
        assert_eq!(
            division.refuses(&open(Some(2))).unwrap(),
            "has only 2 requests at once at some time, and 3 agents divide it, of which 3 need one each: \
             use fewer agents, or at least 3 requests at once all the time"
        );
    }
}
