//! One agent whose workers are started, as the run sees it.

use std::{sync::Arc, time::Duration};

use super::{command::say, kept::Collector, messages::AgentCommand};
use crate::{
    nats::Subscription,
    node::{fleet::Link, messages::PhaseStart, part::NodePart},
    plan::Phase,
    record::{NodeLoss, merge::NodeJournal},
    request::worker::Control,
    schedule::numbers::Lease,
};

/// An agent that has said nothing for so long is lost: five seconds without a network are not the end of a run.
pub(super) const SILENCE: Duration = Duration::from_secs(10);

/// How long before its instant a phase is announced, at least.
const AGREED_AHEAD: Duration = Duration::from_millis(100);

/// And at most: a network on which a word takes longer is not waited for.
const MOST_AHEAD: Duration = Duration::from_secs(2);

/// An agent, as the controller commands it.
#[derive(Debug)]
pub(super) struct AgentNode {
    pub(super) collector: Arc<Collector>,
    /// It was told that nobody waits for its part any more.
    pub(super) is_let_go: bool,
    /// The way of its events; closed with this value.
    pub(super) _up: Subscription,
}

impl AgentNode {
    fn say(&self, command: &AgentCommand) {
        if let Err(error) = say(&self.collector.down, command) {
            tracing::error!(agent = self.collector.presence.name, %error, "a command cannot be sent");
        }
    }
}

impl Link for AgentNode {
    fn readiness(&mut self) -> Box<dyn FnOnce() + Send> {
        let state = Arc::clone(&self.collector.state);
        Box::new(move || {
            // One that is not heard any more will be noticed.
            state.wait_until(SILENCE, |known| known.is_ready || known.lost.is_some());
        })
    }

    fn start_ahead(&self) -> Duration {
        let clock = self.collector.shared.clocks.of(self.collector.division.node);
        // A bound is half of the way there and back; the command may have to be repeated once.
        let ahead = Duration::from_nanos(clock.latest_bound_ns.saturating_mul(8));
        ahead.clamp(AGREED_AHEAD, MOST_AHEAD)
    }

    fn extra_timeout(&self) -> Duration {
        SILENCE
    }

    fn begin(&mut self, start: PhaseStart) {
        let lease = self.collector.shared.numbers.first(start.phase, self.collector.division.node);
        self.say(&AgentCommand::Phase(PhaseStart { lease, ..start }));
    }

    fn control(&mut self, phase: u32, control: Control) {
        self.say(&AgentCommand::Control(phase, control));
    }

    /// Agents ask for numbers themselves.
    fn lease(&mut self, _phase: u32, _lease: Lease) {}

    fn given(&self, phase: u32) -> u64 {
        self.collector.shared.numbers.given(phase)
    }

    fn active_workers(&self, phase: &Phase) -> usize {
        let workers = usize::try_from(self.collector.presence.workers).unwrap_or(usize::MAX);
        NodePart { workers, division: self.collector.division }.active_workers(phase)
    }

    fn look(&mut self) -> Option<String> {
        None
    }

    fn loss(&mut self) -> Option<NodeLoss> {
        let state = &self.collector.state;
        if state.silent_for() >= SILENCE {
            state.lose(format!("it has not been heard for {} s", SILENCE.as_secs()));
        }
        let loss = state.look(|known| known.lost.clone())?;
        if !std::mem::replace(&mut self.is_let_go, true) {
            // If it is heard it must not go on with a load that nobody waits for.
            self.say(&AgentCommand::End);
            self.collector.shared.lendings.lose(self.collector.division.node);
        }
        Some(loss)
    }

    fn death(&mut self) -> Option<String> {
        None
    }

    fn name(&self) -> Option<&str> {
        Some(&self.collector.presence.name)
    }

    fn workers(&self) -> std::ops::Range<u32> {
        let first = self.collector.division.first_worker;
        first..first.saturating_add(self.collector.presence.workers)
    }

    fn dismiss(self: Box<Self>) -> Option<NodeJournal> {
        self.say(&AgentCommand::End);
        self.collector.state.wait_until(SILENCE, |known| known.kept.is_some());
        let journal = self.collector.collect();
        self.collector.shared.own.finish(&self.collector.presence.id);
        Some(journal)
    }
}
