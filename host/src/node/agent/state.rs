//! What is known of each agent of a run: written by the thread that hears them, read by those who wait.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::messages::KeptFile;
use crate::{
    clock::{Clock, RunNs},
    node::progress::Progress,
    record::NodeLoss,
};

/// What is known of one agent.
#[derive(Debug)]
pub(super) struct AgentState {
    clock: Clock,
    known: Mutex<Known>,
    /// Something about it has changed.
    changed: Condvar,
}

/// See [`AgentState`].
#[derive(Debug, Default)]
pub(super) struct Known {
    /// When it was heard last.
    pub(super) heard_ns: RunNs,
    /// The connections that are to be open are open.
    pub(super) is_ready: bool,
    /// How far each phase is.
    pub(super) progress: BTreeMap<u32, Progress>,
    /// When and why it was lost.
    pub(super) lost: Option<NodeLoss>,
    /// When and why it was to end, as it has said itself: it is not there any more when everything is written down.
    pub(super) ends: Option<NodeLoss>,
    /// What it has kept, once everything is written down.
    pub(super) kept: Option<Vec<KeptFile>>,
}

impl AgentState {
    /// One that is heard now.
    pub(super) fn new(clock: Clock) -> Self {
        let known = Known { heard_ns: clock.now(), ..Known::default() };
        Self { clock, known: Mutex::new(known), changed: Condvar::new() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It says something: changes what is known of it.
    pub(super) fn hear<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.known();
        known.heard_ns = self.clock.now();
        let result = change(&mut known);
        self.changed.notify_all();
        result
    }

    /// What is known of it.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known())
    }

    /// What the run's clock says.
    pub(super) fn now(&self) -> RunNs {
        self.clock.now()
    }

    /// How long it has said nothing.
    pub(super) fn silent_for(&self) -> Duration {
        Duration::from_nanos(self.clock.now().saturating_sub(self.known().heard_ns))
    }

    /// It is lost. False if that was known.
    pub(super) fn lose(&self, reason: String) -> bool {
        let mut known = self.known();
        let is_new = known.lost.is_none();
        known.lost.get_or_insert(NodeLoss { at_ns: self.clock.now(), reason, by_signal: false });
        self.changed.notify_all();
        is_new
    }

    /// It says that somebody ends it by a signal: it is waited for as long as it is heard.
    pub(super) fn ends(&self, reason: String) {
        let at_ns = self.clock.now();
        self.hear(|known| {
            known.ends.get_or_insert(NodeLoss { at_ns, reason, by_signal: true });
        });
    }

    /// Everything is written down, and this is what it has kept. Says whether it is lost, or gone now.
    pub(super) fn ended(&self, kept: Vec<KeptFile>) -> bool {
        self.hear(|known| {
            known.kept = Some(kept);
            known.lost = known.lost.take().or(known.ends.take());
            known.lost.is_some()
        })
    }

    /// Waits until something is so, as long as the agent is heard: `most` after it was heard last nobody waits any more. Says
    /// whether it is so.
    pub(super) fn wait_until(&self, most: Duration, mut is_so: impl FnMut(&Known) -> bool) -> bool {
        let mut known = self.known();
        loop {
            if is_so(&known) {
                return true;
            }
            let silent = Duration::from_nanos(self.clock.now().saturating_sub(known.heard_ns));
            let left = most.saturating_sub(silent);
            if left.is_zero() {
                return false;
            }
            known = self.changed.wait_timeout(known, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_says_nothing_is_not_waited_for() {
        let state = AgentState::new(Clock::start());
        assert!(!state.wait_until(Duration::ZERO, |known| known.is_ready));
        state.hear(|known| known.is_ready = true);
        assert!(state.wait_until(Duration::ZERO, |known| known.is_ready));
    }

    #[test]
    fn an_agent_that_ends_is_there_until_everything_is_written_down() {
        let state = AgentState::new(Clock::start());
        state.ends("it was ended by SIGTERM".to_owned());
        assert_eq!(state.look(|known| known.lost.clone()), None);
        assert!(state.ended(Vec::new()));
        assert_eq!(state.look(|known| known.lost.clone()).unwrap().says(), "was ended by SIGTERM");
        let state = AgentState::new(Clock::start());
        assert!(!state.ended(Vec::new()));
    }

    #[test]
    fn the_first_reason_of_a_loss_stands() {
        let state = AgentState::new(Clock::start());
        assert!(state.lose("it was killed".to_owned()));
        assert!(!state.lose("it was not heard".to_owned()));
        assert_eq!(state.look(|known| known.lost.clone()).unwrap().says(), "was lost: it was killed");
    }
}
