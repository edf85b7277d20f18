//! What a worker has, and what it is given to do.

use std::sync::Arc;

use tokio::sync::watch;

use super::control::Control;
use crate::{
    clock::{Clock, RunNs},
    dataset::Source,
    plan::OverflowPolicy,
    request::{endpoint::Endpoint, target::TargetPlan},
    schedule::{
        Credit, budget::Budget, cancellation::Cancellations, credits::Credits, gate::Slots, idle::IdleCap,
    },
    session::{Filling, PhaseSessions},
};

/// One worker's part of one phase.
#[derive(Debug)]
pub(crate) struct Assignment {
    /// Position of the phase in the run.
    pub(crate) phase: u32,
    /// When it began.
    pub(crate) start_ns: RunNs,
    /// When its duration and its grace period are over: what arrives later does not count. `None` without such an end.
    pub(crate) ends_ns: Option<RunNs>,
    /// Which requests are this worker's, and when they are due.
    pub(crate) credits: Credits,
    /// Requests that are left of its number, where sessions may have several.
    pub(crate) budget: Budget,
    /// Which session each credit starts.
    pub(crate) sessions: PhaseSessions,
    /// The time from each turn of a session to the next one, where users have their own; without it, scripts say it.
    pub(crate) turn_gap_ns: Option<RunNs>,
    /// A slot for each request that may be in flight: of this worker in a closed loop, of all in an open one.
    pub(crate) slots: Slots,
    /// When the latest request of an open loop had its slot.
    pub(crate) slotted_ns: RunNs,
    /// A slot for each request that may wait for its first token, of all workers together; none without such a limit.
    pub(crate) prefill: Option<Slots>,
    /// Which requests are cancelled on purpose, if any are.
    pub(crate) cancellations: Option<Cancellations>,
    /// What a conversation means that the server finds too long.
    pub(crate) overflow: OverflowPolicy,
    /// The longest time in which nothing goes on, of all workers together, if there is one.
    pub(crate) idle: Option<IdleCap>,
    /// How the phase fills the server's cache, if that is what it is for.
    pub(crate) filling: Option<Filling>,
    /// Sessions that begin in their middle wait for the pause that is recorded before their first turn.
    pub(crate) spreads_starts: bool,
    /// Run, drain or cancel.
    pub(crate) control: watch::Receiver<Control>,
    /// The next phase begins while the last sessions of this one go on.
    pub(crate) hands_over: bool,
}

impl Assignment {
    /// Whether no session can start any more, as far as that is known before a slot is free.
    pub(super) fn is_given_out(&self) -> bool {
        self.credits.are_given_out() || self.budget.is_spent()
    }

    /// The next session that may start; none when no request is left for it.
    pub(super) fn next_credit(&mut self) -> Option<Credit> {
        self.credits.next().filter(|_| self.budget.take())
    }
}

/// What every worker of a run needs.
#[derive(Clone, Debug)]
pub(crate) struct Equipment<S> {
    pub(crate) clock: Clock,
    pub(crate) endpoint: Endpoint,
    /// What all requests have in common.
    pub(crate) target: Arc<TargetPlan>,
    /// What the requests say.
    pub(crate) source: Arc<Source>,
    /// Takes requests that are over, and is told when a phase is.
    pub(crate) sink: S,
}
