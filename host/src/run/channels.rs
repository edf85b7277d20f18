//! How workers, services and the recorder reach the conductor.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prony_plugin_api::PublishError;
use tokio::sync::mpsc::UnboundedSender;

use super::{
    failed_share::{FailedShare, TooManyFailed, is_failure},
    hooks::Done,
    notices::Notices,
    refusals::Refusals,
    watch::Watch,
};
use crate::{
    metrics::{Sketch, queue_growth::Look},
    node::{self, NodeId, early_end::EarlyEnd, progress::Progress},
    record::{live::Live, recorder::RecorderHandle},
    request::{
        exchange::Finished,
        worker::{self, AllStarted},
        worker_statistics::WorkerUsage,
    },
    schedule::ScheduleCounts,
    service::{allowance::MessagePermit, host::PublishSink},
};

/// What the conductor hears from other threads.
#[derive(Clone, Debug)]
pub(super) enum Signal {
    /// A worker has started all sessions of its part of the phase with this number.
    AllStarted(u32, AllStarted),
    /// A node has few numbers of the phase with this number left, and could use so many more.
    WantsNumbers(u32, u64),
    /// A worker has finished its part of the phase with this number.
    WorkerDone(u32, ScheduleCounts, Box<WorkerUsage>),
    /// What was done before or after a phase is over.
    StepOver(Box<Done>),
    /// The endpoint panicked too often.
    Poisoned,
    /// A worker panicked.
    WorkerLost(String),
    /// The workers' process hangs, as it says itself.
    NodeHangs(String),
    /// The process of this node will send nothing more; perhaps since what it sent made no sense.
    NodeGone(NodeId, Option<String>),
    /// Too many requests in a row failed in one way.
    EndsEarly(EarlyEnd),
    /// More requests failed than are allowed.
    TooManyFailed(TooManyFailed),
    /// A node has something to say to the user.
    Remark(String),
    /// A service says something to the user.
    Said(String),
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
    pub(super) watch: Arc<Watch>,
    live: Arc<Live>,
    notices: Arc<Notices>,
}

impl Channels {
    /// Those of a run with so many phases.
    pub(super) fn of(
        phases: usize,
        recorder: RecorderHandle,
        signals: UnboundedSender<Signal>,
        watch: Arc<Watch>,
        live: Arc<Live>,
    ) -> Self {
        Self {
            recorder,
            signals,
            tally: Arc::new(Tally::of(phases)),
            refusals: Arc::default(),
            failed_share: Arc::default(),
            watch,
            live,
            notices: Arc::default(),
        }
    }
}

/// Requests of each phase.
#[derive(Debug)]
pub(super) struct Tally(Vec<PhaseTally>);

#[derive(Debug, Default)]
struct PhaseTally {
    begun: AtomicU64,
    ended: AtomicU64,
    /// Nanoseconds that those took which are over, all together.
    took_ns: AtomicU64,
    /// Those that failed by themselves, and those that ended by themselves otherwise.
    failed: AtomicU64,
    fine: AtomicU64,
}

impl Tally {
    /// That of a run with so many phases.
    pub(super) fn of(phases: usize) -> Self {
        Self((0..phases).map(|_| PhaseTally::default()).collect())
    }

    fn of_phase(&self, phase: u32) -> Option<&PhaseTally> {
        self.0.get(phase as usize)
    }

    /// So much more has become of requests that are counted elsewhere.
    fn add(&self, more: &Progress) {
        let Some(tally) = self.of_phase(more.phase) else { return };
        tally.begun.fetch_add(more.begun, Ordering::Relaxed);
        tally.ended.fetch_add(more.ended, Ordering::Relaxed);
        tally.took_ns.fetch_add(more.took_ns, Ordering::Relaxed);
    }

    /// How far a phase is, as another process is told.
    pub(super) fn progress(&self, phase: u32, live: &Live) -> Progress {
        let Look { begun, ended, took } = self.look(phase);
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let (current, counts) = live.counts();
        let [succeeded, cancelled_on_purpose, overflowed, failed, output_tokens] =
            if current == phase { counts } else { [0; 5] };
        let judged_failed = self.of_phase(phase).map_or(0, |tally| tally.failed.load(Ordering::Relaxed));
        let fine = self.of_phase(phase).map_or(0, |tally| tally.fine.load(Ordering::Relaxed));
        Progress {
            judged: fine.saturating_add(judged_failed),
            judged_failed,
            phase,
            begun,
            ended,
            took_ns,
            succeeded,
            cancelled_on_purpose,
            overflowed,
            failed,
            output_tokens,
        }
    }

    /// How far a phase is.
    pub(super) fn look(&self, phase: u32) -> Look {
        self.of_phase(phase).map_or_else(Look::default, |tally| Look {
            begun: tally.begun.load(Ordering::Relaxed),
            ended: tally.ended.load(Ordering::Relaxed),
            took: Duration::from_nanos(tally.took_ns.load(Ordering::Relaxed)),
        })
    }

    /// Requests of a phase that were tried.
    pub(super) fn begun(&self, phase: u32) -> u64 {
        self.of_phase(phase).map_or(0, |tally| tally.begun.load(Ordering::Relaxed))
    }

    /// The counts of a phase some of whose workers have not said what they did.
    pub(super) fn with_lost(&self, phase: u32, mut counts: ScheduleCounts) -> ScheduleCounts {
        counts.scheduled = counts.scheduled.max(self.begun(phase).saturating_add(counts.dropped));
        counts.lost = self.in_flight(phase);
        counts
    }

    /// Those among them that are not over.
    pub(super) fn in_flight(&self, phase: u32) -> u64 {
        let ended = self.of_phase(phase).map_or(0, |tally| tally.ended.load(Ordering::Relaxed));
        self.begun(phase).saturating_sub(ended)
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
        if let Some(tally) = self.tally.of_phase(phase) {
            tally.begun.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn finished(&self, finished: Finished) {
        if let Some(tally) = self.tally.of_phase(finished.phase) {
            if let Some(failed) = is_failure(&finished) {
                let judged = if failed { &tally.failed } else { &tally.fine };
                judged.fetch_add(1, Ordering::Relaxed);
            }
            tally.ended.fetch_add(1, Ordering::Relaxed);
            let instants = &finished.exchange.instants;
            tally.took_ns.fetch_add(instants.end.saturating_sub(instants.started), Ordering::Relaxed);
        }
        if let Some(early_end) = self.refusals.note(&finished) {
            self.signal(Signal::EndsEarly(early_end));
        }
        if let Some(too_many) = self.failed_share.note(&finished) {
            self.signal(Signal::TooManyFailed(too_many));
        }
        self.recorder.finished(finished);
    }

    fn all_started(&self, phase: u32, started: AllStarted) {
        self.signal(Signal::AllStarted(phase, started));
    }

    fn wants_numbers(&self, phase: u32, wanted: u64) {
        self.signal(Signal::WantsNumbers(phase, wanted));
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
        self.recorder.service_message(service, message_type, payload, permit)?;
        self.watch.published(message_type, payload);
        if let Some(text) = self.notices.heard(service, message_type, payload) {
            self.signal(Signal::Said(text));
        }
        Ok(())
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

    fn progressed(&self, more: &Progress) {
        self.tally.add(more);
        let Progress { succeeded, cancelled_on_purpose, overflowed, failed, output_tokens, .. } = *more;
        self.live.add(more.phase, [succeeded, cancelled_on_purpose, overflowed, failed, output_tokens]);
        if let Some(too_many) = self.failed_share.add(more) {
            self.signal(Signal::TooManyFailed(too_many));
        }
    }

    fn sketched(&self, node: NodeId, sketch: Sketch) {
        self.watch.sketched(node, sketch);
    }

    fn ends_early(&self, early_end: EarlyEnd) {
        self.signal(Signal::EndsEarly(early_end));
    }

    fn remarked(&self, text: String) {
        self.signal(Signal::Remark(text));
    }
}
