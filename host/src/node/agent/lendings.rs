//! Places that the agents of a run lend each other, of all phases and limits: [`Lendings`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::schedule::lending::{Change, Lending, Limited, PlacesSaid};

/// The places of all agents of a run.
#[derive(Debug)]
pub(super) struct Lendings {
    nodes: u32,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    lost: BTreeSet<u32>,
    of: BTreeMap<(u32, Limited), Lending>,
}

impl Lendings {
    /// Each of so many agents has its part.
    pub(super) fn among(nodes: u32) -> Self {
        Self { nodes, known: Mutex::default() }
    }

    /// An agent is lost, with the places that it has.
    pub(super) fn lose(&self, node: u32) {
        let mut known = self.known();
        known.lost.insert(node);
        known.of.values_mut().for_each(|lending| lending.lose(node));
    }

    /// An agent says something of its places in a phase. What becomes of the places of which agent.
    pub(super) fn hear(
        &self,
        (phase, limited): (u32, Limited),
        node: u32,
        said: PlacesSaid,
    ) -> Vec<(u32, Change)> {
        let mut known = self.known();
        let Known { lost, of } = &mut *known;
        let lending = of.entry((phase, limited)).or_insert_with(|| {
            let mut lending = Lending::among(self.nodes);
            for node in lost.iter() {
                lending.lose(*node);
            }
            lending
        });
        lending.hear(node, said)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_of_each_phase_has_places_of_its_own_and_a_loss_is_one_in_all() {
        let lendings = Lendings::among(3);
        let wait = |phase, limited| lendings.hear((phase, limited), 0, PlacesSaid::Wait(true));
        assert_eq!(wait(0, Limited::Prefill), [(1, Change::GiveHalf), (2, Change::GiveHalf)]);
        lendings.lose(1);
        assert_eq!(wait(0, Limited::InFlight), [(2, Change::GiveHalf)]);
        assert_eq!(wait(1, Limited::Prefill), [(2, Change::GiveHalf)]);
        assert!(wait(0, Limited::Prefill).is_empty(), "they were asked before");
    }
}
