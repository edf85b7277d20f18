//! How workers, services and the recorder reach the conductor.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use prony_plugin_api::PublishError;
use tokio::sync::mpsc::UnboundedSender;

use super::{
    failed_share::{FailedShare, TooManyFailed},
    refusals::{Refusals, Verdict},
    saturation::Look,
};
use crate::{
    node::{self, NodeId},
    record::recorder::RecorderHandle,
    request::{exchange::Finished, worker, worker_statistics::WorkerUsage},
    schedule::ScheduleCounts,
    service::{allowance::MessagePermit, host::PublishSink},
};

/// What the conductor hears from other threads.
#[derive(Clone, Debug)]
pub(super) enum Signal {
    /// A worker has finished its part of the phase with this number.
    WorkerDone(u32, ScheduleCounts, Box<WorkerUsage>),
    /// The endpoint panicked too often.
    Poisoned,
    /// A worker panicked.
    WorkerLost(String),
    /// The workers' process hangs, as it says itself.
    NodeHangs(String),
    /// Nobody of this node's process will say anything any more; perhaps because it did not make sense.
    NodeGone(NodeId, Option<String>),
    /// Too many requests in a row failed in one way.
    Hopeless(Verdict),
    /// More requests failed than are allowed.
    TooManyFailed(TooManyFailed),
    /// A service asks for the end of the run.
    StopRequested(String),
    /// The recorder cannot write any more.
    JournalLost,
}

/// The end of the channels that workers and services hold.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    pub(super) recorder: RecorderHandle,
    pub(super) signals: UnboundedSender<Signal>,
    pub(super) tally: Arc<Tally>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) failed_share: Arc<FailedShare>,
}

/// Requests of the current phase.
#[derive(Debug, Default)]
pub(super) struct Tally {
    phase: AtomicU32,
    begun: AtomicU64,
    ended: AtomicU64,
    /// Nanoseconds that those took which are over, all together.
    took_ns: AtomicU64,
}

impl Tally {
    /// Starts the phase with this number at zero. What comes late from another does not count from here on.
    pub(super) fn reset(&self, phase: u32) {
        self.phase.store(phase, Ordering::Relaxed);
        self.begun.store(0, Ordering::Relaxed);
        self.ended.store(0, Ordering::Relaxed);
        self.took_ns.store(0, Ordering::Relaxed);
    }

    fn count(&self, phase: u32, counter: &AtomicU64, number: u64) {
        if phase == self.phase.load(Ordering::Relaxed) {
            counter.fetch_add(number, Ordering::Relaxed);
        }
    }

    /// How far the phase is.
    pub(super) fn look(&self) -> Look {
        Look {
            begun: self.begun(),
            ended: self.ended.load(Ordering::Relaxed),
            took: Duration::from_nanos(self.took_ns.load(Ordering::Relaxed)),
        }
    }

    /// Requests that were tried.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Those among them that are not over.
    pub(super) fn in_flight(&self) -> u64 {
        self.begun().saturating_sub(self.ended.load(Ordering::Relaxed))
    }
}

impl Channels {
    pub(super) fn signal(&self, signal: Signal) {
        // Without a conductor the run is over, and nobody needs to know.
        let _ = self.signals.send(signal);
    }
}

impl worker::Sink for Channels {
    fn begun(&self, phase: u32) {
        self.tally.count(phase, &self.tally.begun, 1);
    }

    fn finished(&self, finished: Finished) {
        self.tally.count(finished.phase, &self.tally.ended, 1);
        let instants = &finished.exchange.instants;
        let took_ns = instants.end.saturating_sub(instants.started);
        self.tally.count(finished.phase, &self.tally.took_ns, took_ns);
        if let Some(verdict) = self.refusals.note(&finished) {
            self.signal(Signal::Hopeless(verdict));
        }
        if let Some(too_many) = self.failed_share.note(&finished) {
            self.signal(Signal::TooManyFailed(too_many));
        }
        self.recorder.finished(finished);
    }

    fn phase_done(&self, phase: u32, counts: ScheduleCounts, usage: WorkerUsage) {
        self.signal(Signal::WorkerDone(phase, counts, Box::new(usage)));
    }

    fn poisoned(&self) {
        self.signal(Signal::Poisoned);
    }

    fn lost(&self, what: String) {
        self.signal(Signal::WorkerLost(what));
    }
}

impl PublishSink for Channels {
    fn keep(
        &self,
        service: &str,
        message_type: &str,
        payload: &[u8],
        permit: MessagePermit,
    ) -> Result<(), PublishError> {
        self.recorder.service_message(service, message_type, payload, permit)
    }

    fn request_stop(&self, service: &str, reason: &str) {
        self.signal(Signal::StopRequested(format!("`{service}`: {reason}")));
    }
}

impl node::Observer for Channels {
    fn hangs(&self, what: String) {
        self.signal(Signal::NodeHangs(what));
    }

    fn gone(&self, node: NodeId, nonsense: Option<String>) {
        self.signal(Signal::NodeGone(node, nonsense));
    }
}
