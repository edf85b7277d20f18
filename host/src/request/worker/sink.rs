//! Where a worker's results go.

use serde::{Deserialize, Serialize};

use crate::{
    request::{endpoint::Endpoint, exchange::Finished, worker_statistics::WorkerUsage},
    schedule::ScheduleCounts,
};

/// What is known of a worker's part of a phase when all of its sessions are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AllStarted {
    /// Sessions that were started, or due and never started.
    pub(crate) sessions: u64,
    /// The schedule goes on behind the duration of the phase, which has ended it.
    pub(crate) by_time: bool,
}

/// Takes what a worker produces. Never waits.
pub(crate) trait Sink: Clone + Send + Sync + 'static {
    /// A request of the phase with this number is being tried: unless its worker is lost, it is going to be over.
    fn begun(&self, phase: u32);
    /// A request is over.
    fn finished(&self, finished: Finished);
    /// All sessions of this worker's part of the phase with this number are started. It is said of a phase that hands over, before
    /// its end.
    fn all_started(&self, phase: u32, started: AllStarted);
    /// The node has few numbers left of the phase, which is a closed loop that several nodes divide, and could use so many more. It
    /// is said once until it is given some.
    fn wants_numbers(&self, phase: u32, wanted: u64);
    /// This worker's part of the phase with this number is over.
    fn phase_done(&self, phase: u32, counts: ScheduleCounts, usage: WorkerUsage);
    /// The endpoint panicked too often.
    fn poisoned(&self);
    /// Something of a worker's own panicked: its numbers cannot be trusted any more.
    fn lost(&self, what: String);
}

/// Gives a request away that is over, and says so when its endpoint is not to be asked any more.
pub(super) fn hand_over<S: Sink>(sink: &S, endpoint: &Endpoint, finished: Finished) {
    sink.finished(finished);
    if endpoint.is_poisoned() {
        sink.poisoned();
    }
}
