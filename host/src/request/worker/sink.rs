//! Where a worker's results go.

use crate::{
    request::{endpoint::Endpoint, exchange::Finished, worker_statistics::WorkerUsage},
    schedule::ScheduleCounts,
};

/// Takes what a worker produces. Never waits.
pub(crate) trait Sink: Clone + Send + Sync + 'static {
    /// A request of the phase with this number is being tried: unless its worker is lost, it is going to be over.
    fn begun(&self, phase: u32);
    /// A request is over.
    fn finished(&self, finished: Finished);
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
