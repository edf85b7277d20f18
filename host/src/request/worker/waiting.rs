//! How a session waits until its next step is due.

use tokio::sync::watch;

use super::{
    control::{Control, unless_drained},
    player::PhaseContext,
};
use crate::{
    clock::{Clock, RunNs},
    schedule::{
        idle::{Busy, IdleCap},
        pacer::alarm,
    },
};

impl PhaseContext {
    /// Waits until so long before a step is due. `due_ns` is on the line of time on which sessions wait. Gives that instant on the
    /// run's clock; nothing if the phase drains first.
    pub(super) async fn until(
        &self,
        due_ns: RunNs,
        lead_ns: RunNs,
        clock: Clock,
        control: &mut watch::Receiver<Control>,
    ) -> Option<RunNs> {
        if due_ns.saturating_sub(self.ahead_ns()) <= clock.now().saturating_add(lead_ns) {
            return Some(due_ns.saturating_sub(self.ahead_ns()));
        }
        let waited = async {
            if let Some(idle) = &self.idle {
                return Some(idle.wait(due_ns, lead_ns).await);
            }
            alarm(clock, due_ns.saturating_sub(lead_ns)).await;
            Some(due_ns)
        };
        unless_drained(control, waited).await
    }

    /// How far the line of time on which sessions wait is ahead of the run's clock.
    pub(super) fn ahead_ns(&self) -> RunNs {
        self.idle.as_ref().map_or(0, IdleCap::ahead_ns)
    }

    /// A request is due, until this is dropped.
    pub(super) fn busy(&self) -> Option<Busy> {
        self.idle.as_ref().map(IdleCap::busy)
    }
}
