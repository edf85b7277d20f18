//! How a request waits until one more may wait for its first token.

use super::player::PhaseContext;
use crate::{
    clock::Clock,
    request::exchange::Exchange,
    schedule::gate::{Slot, Slots},
};

/// A place among the requests that wait for their first token.
#[derive(Debug)]
pub(super) struct Prefill {
    /// None where there is no limit of them.
    slot: Option<Slot>,
    /// How long it was waited for, in nanoseconds; not at all where there is no limit.
    pub(super) waited_ns: u64,
}

impl PhaseContext {
    /// Waits for a place.
    pub(super) async fn prefill(&self, clock: Clock) -> Option<Prefill> {
        let Some(slots) = &self.prefill else { return Some(Prefill { slot: None, waited_ns: 0 }) };
        let asked = clock.now();
        let slot = slots.enter(clock, self.start_ns).await?;
        Some(Prefill { slot: Some(slot), waited_ns: clock.now().saturating_sub(asked) })
    }

    /// Whether somebody who comes now has to wait for one.
    pub(super) fn is_prefill_full(&self) -> bool {
        self.prefill.as_ref().is_some_and(Slots::is_full)
    }
}

impl Prefill {
    /// The request has it until its first token. It has waited for slots so long, in nanoseconds.
    pub(super) fn give(self, exchange: &mut Exchange, waited_ns: u64) {
        exchange.prefill = self.slot;
        exchange.gate_wait_ns = waited_ns;
    }
}
