//! The slots of an agent that others may use meanwhile, in the phase that began last: [`Lender`] says when requests wait for one, and does
//! what the controller says.

use crate::{
    node::agent::messages::AgentEvent,
    schedule::{
        gate::LendableSlots,
        lending::{Change, Limited, PlacesSaid},
    },
};

/// An agent asks for a slot when a request has waited at this many looks in a row, which is half a second: most slots are free again by
/// then. An agent that has lent slots asks at once.
const LOOKS_BEFORE_ASKING: u32 = 5;

/// Looks from one time that it is said to the next.
const AGAIN: u32 = 5;

/// The slots of a phase.
#[derive(Debug, Default)]
pub(super) struct Lender {
    phase: u32,
    limits: Vec<Limit>,
}

/// The slots of one limit.
#[derive(Debug)]
struct Limit {
    limited: Limited,
    slots: LendableSlots,
    /// How many there are beyond the agent's part; below zero where others have some of it.
    balance: i64,
    /// Those that are to be given back, of which that was not said.
    owing: u32,
    /// Looks in a row at which a request waited.
    waited: u32,
    /// It was said that a request waits.
    has_said: bool,
}

impl Lender {
    /// A phase begins, with these slots.
    pub(super) fn begin(&mut self, phase: u32, slots: Vec<(Limited, LendableSlots)>) {
        self.phase = phase;
        self.limits = slots.into_iter().map(|(limited, slots)| Limit::of(limited, slots)).collect();
    }

    /// Does what the controller says. What is to be said of it.
    pub(super) fn obey(&mut self, phase: u32, limited: Limited, change: Change) -> Option<AgentEvent> {
        // A phase may begin here a moment later than elsewhere, and a limit may be lent elsewhere and not here: it may be asked again.
        let nothing = (change == Change::GiveHalf).then_some(PlacesSaid::GaveHalf(0));
        let limit = self.limits.iter_mut().find(|limit| phase == self.phase && limit.limited == limited);
        let said = limit.map_or(nothing, |limit| limit.obey(change))?;
        Some(AgentEvent::Places(phase, limited, said))
    }

    /// What is to be said; to be asked ten times a second.
    pub(super) fn look(&mut self) -> Vec<AgentEvent> {
        let phase = self.phase;
        let said = self.limits.iter_mut().flat_map(|limit| {
            let limited = limit.limited;
            let said = [limit.given_back(), limit.look(limit.slots.are_waited_for())];
            said.into_iter().flatten().map(move |said| AgentEvent::Places(phase, limited, said))
        });
        said.collect()
    }
}

impl Limit {
    fn of(limited: Limited, slots: LendableSlots) -> Self {
        Self { limited, slots, balance: 0, owing: 0, waited: 0, has_said: false }
    }

    fn obey(&mut self, change: Change) -> Option<PlacesSaid> {
        match change {
            Change::GiveHalf => {
                let given = self.slots.give_half();
                self.balance -= i64::from(given);
                Some(PlacesSaid::GaveHalf(given))
            }
            Change::GiveBack(count) => {
                self.owing += self.slots.give_back(count);
                self.given_back()
            }
            Change::Add(count) => {
                self.slots.add(count);
                self.balance += i64::from(count);
                None
            }
        }
    }

    /// Slots that have become free since they were to be given back. Nobody uses them any more.
    fn given_back(&mut self) -> Option<PlacesSaid> {
        let given = self.owing.saturating_sub(self.slots.owed());
        self.owing -= given;
        self.balance -= i64::from(given);
        (given > 0).then_some(PlacesSaid::GaveBack(given))
    }

    /// What is to be said of those who wait.
    fn look(&mut self, are_waited_for: bool) -> Option<PlacesSaid> {
        if !are_waited_for {
            self.waited = 0;
            return std::mem::take(&mut self.has_said).then_some(PlacesSaid::Wait(false));
        }
        self.waited = self.waited.saturating_add(1);
        let least = if self.balance < 0 { 1 } else { LOOKS_BEFORE_ASKING };
        let is_due = self.waited >= least && (self.waited - least).is_multiple_of(AGAIN);
        self.has_said |= is_due;
        is_due.then_some(PlacesSaid::Wait(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::Ramp,
        schedule::{division::Division, gate::Slots},
    };

    fn limit() -> Limit {
        let slots = Slots::following(Ramp::constant(4).unwrap(), Division::whole(1));
        Limit::of(Limited::InFlight, slots.lendable().unwrap())
    }

    fn looks(limit: &mut Limit, count: usize) -> Vec<Option<PlacesSaid>> {
        (0..count).map(|_| limit.look(true)).collect()
    }

    #[test]
    fn a_wait_is_said_after_half_of_a_second_and_again_and_when_it_is_over() {
        let mut limit = limit();
        let said = Some(PlacesSaid::Wait(true));
        assert_eq!(looks(&mut limit, 6), [None, None, None, None, said, None]);
        assert_eq!(looks(&mut limit, 5), [None, None, None, said, None]);
        assert_eq!(limit.look(false), Some(PlacesSaid::Wait(false)));
        assert_eq!(limit.look(false), None);
        assert_eq!(limit.look(true), None);
        assert_eq!(limit.look(false), None, "what was not said needs not be taken back");
    }

    #[test]
    fn who_has_lent_slots_says_at_once_that_it_needs_them() {
        let mut limit = limit();
        assert_eq!(limit.obey(Change::GiveHalf), Some(PlacesSaid::GaveHalf(2)));
        assert_eq!(limit.look(true), Some(PlacesSaid::Wait(true)));
        assert_eq!(limit.obey(Change::Add(2)), None);
        limit.look(false);
        assert_eq!(limit.look(true), None);
    }

    #[test]
    fn what_is_lent_is_given_back_and_that_is_said() {
        let mut limit = limit();
        limit.obey(Change::Add(3));
        assert_eq!(limit.obey(Change::GiveBack(3)), Some(PlacesSaid::GaveBack(3)));
        assert_eq!((limit.given_back(), limit.balance), (None, 0));
    }

    #[test]
    fn what_is_said_to_another_phase_changes_nothing() {
        let mut lender = Lender::default();
        let slots = Slots::following(Ramp::constant(4).unwrap(), Division::whole(1));
        lender.begin(2, vec![(Limited::InFlight, slots.lendable().unwrap())]);
        assert!(lender.obey(1, Limited::InFlight, Change::Add(4)).is_none());
        let said = lender.obey(1, Limited::InFlight, Change::GiveHalf);
        assert!(matches!(said, Some(AgentEvent::Places(1, _, PlacesSaid::GaveHalf(0)))), "{said:?}");
        let said = lender.obey(2, Limited::Prefill, Change::GiveHalf);
        assert!(matches!(said, Some(AgentEvent::Places(2, _, PlacesSaid::GaveHalf(0)))), "{said:?}");
        assert!(lender.obey(2, Limited::InFlight, Change::GiveHalf).is_some());
    }
}
