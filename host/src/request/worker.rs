//! A worker: a thread with its own runtime and connections, that sends its share of each phase.

use std::{
    pin::pin,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
};

use super::{
    endpoint::Endpoint,
    exchange::{CONNECT_ERROR, Exchange, Finished, Wire},
    prepared::{Prepared, new_request_id, prepare},
    transport::{TargetPlan, Transport},
};
use crate::{
    clock::{Clock, RunNs},
    dataset::{Conversation, conversation_of},
    schedule::{
        Credit, PhaseCounts,
        credits::Credits,
        pacer::{Pacer, pause},
    },
};

/// A request sent more than this after its due time was late.
const LATE_NS: u64 = 1_000_000;

/// A slot of a closed loop rests so long after a connection was refused: a server that died must not turn the loop into
/// one that fails as fast as it can. The schedule of an open loop limits itself.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What a phase's workers are told while it runs. Only ever moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Control {
    /// Send.
    Run,
    /// Send nothing new; wait for what is in flight.
    Drain,
    /// End what is in flight as well.
    Cancel,
}

/// One worker's part of one phase.
#[derive(Debug)]
pub(crate) struct Assignment {
    /// Position of the phase in the run.
    pub(crate) phase: u32,
    /// When it began.
    pub(crate) start_ns: RunNs,
    /// Which requests are this worker's, and when they are due.
    pub(crate) credits: Credits,
    /// Most requests in flight on this worker.
    pub(crate) slots: Option<usize>,
    /// Run, drain or cancel.
    pub(crate) control: watch::Receiver<Control>,
}

/// What every worker of a run needs.
#[derive(Clone, Debug)]
pub(crate) struct Equipment<S> {
    /// The run's clock.
    pub(crate) clock: Clock,
    /// The dialect.
    pub(crate) endpoint: Endpoint,
    /// What all requests have in common.
    pub(crate) target: Arc<TargetPlan>,
    /// What the requests say.
    pub(crate) dataset: Arc<[Conversation]>,
    /// Takes requests that are over, and is told when a phase is.
    pub(crate) sink: S,
}

/// Takes what a worker produces. Never waits.
pub(crate) trait Sink: Clone + Send + Sync + 'static {
    /// A request is over.
    fn finished(&self, finished: Finished);
    /// This worker's part of a phase is over.
    fn phase_done(&self, counts: PhaseCounts);
    /// The endpoint panicked too often.
    fn poisoned(&self);
}

/// A running worker.
#[derive(Debug)]
pub(crate) struct Worker {
    assignments: mpsc::UnboundedSender<Assignment>,
    thread: JoinHandle<()>,
}

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerError {
    /// No thread, no runtime or no timer.
    #[error("start worker {number}")]
    Start {
        /// Which one.
        number: u32,
        /// Why.
        source: std::io::Error,
    },
    /// The TLS set-up failed.
    #[error("prepare the connections of worker {number}")]
    Transport {
        /// Which one.
        number: u32,
        /// Why.
        source: reqwest::Error,
    },
}

impl Worker {
    /// Starts a worker's thread. It waits for assignments.
    pub(crate) fn start<S: Sink>(number: u32, equipment: Equipment<S>) -> Result<Self, WorkerError> {
        let failed = |source| WorkerError::Start { number, source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let tls = equipment.target.needs_tls();
        let transport = Transport::new(equipment.clock, tls)
            .map_err(|source| WorkerError::Transport { number, source })?;
        let (assignments, received) = mpsc::unbounded_channel();
        let wire = Arc::new(Wire {
            clock: equipment.clock,
            transport,
            endpoint: equipment.endpoint.clone(),
            target: Arc::clone(&equipment.target),
        });
        let desk = Desk { number, equipment, wire };
        let thread = thread::Builder::new()
            .name(format!("worker {number}"))
            .spawn(move || runtime.block_on(desk.work(received)))
            .map_err(failed)?;
        Ok(Self { assignments, thread })
    }

    /// Gives it its part of a phase.
    pub(crate) fn assign(&self, assignment: Assignment) {
        // A worker that is gone has panicked; its thread's end says so.
        let _ = self.assignments.send(assignment);
    }

    /// Lets it go home, and waits until it has.
    pub(crate) fn join(self) {
        drop(self.assignments);
        if self.thread.join().is_err() {
            tracing::error!("a worker thread panicked");
        }
    }
}

/// A worker at work, inside its thread.
struct Desk<S> {
    number: u32,
    equipment: Equipment<S>,
    wire: Arc<Wire>,
}

impl<S: Sink> Desk<S> {
    async fn work(self, mut assignments: mpsc::UnboundedReceiver<Assignment>) {
        let mut pacer = Pacer::new(self.equipment.clock);
        while let Some(assignment) = assignments.recv().await {
            let counts = self.run_phase(assignment, &mut pacer).await;
            self.equipment.sink.phase_done(counts);
        }
    }

    /// Sends every credit of the assignment, then waits for what is in flight.
    async fn run_phase(&self, assignment: Assignment, pacer: &mut Pacer) -> PhaseCounts {
        let Assignment { phase, start_ns, mut credits, slots, mut control } = assignment;
        let slots = Arc::new(Semaphore::new(slots.unwrap_or(Semaphore::MAX_PERMITS)));
        let mut counts = PhaseCounts::default();
        let mut in_flight = JoinSet::new();
        while *control.borrow_and_update() == Control::Run {
            let Some(credit) = credits.next() else { break };
            let Some((prepared, conversation)) = self.prepare(phase, credit).await else { continue };
            let due = credit.due_ns.map(|due_ns| start_ns + due_ns);
            let Some(slot) = wait_for_turn(due, pacer, &slots, &mut control).await else {
                counts.dropped += self.count_dropped(credit, start_ns, credits);
                break;
            };
            let started = self.equipment.clock.now();
            let scheduled = due.unwrap_or(started);
            counts.sent += 1;
            counts.late += u64::from(started.saturating_sub(scheduled) > LATE_NS);
            let mut exchange = Exchange::default();
            exchange.instants.scheduled = scheduled;
            exchange.instants.started = started;
            let finished = Finished {
                phase,
                conversation,
                session_num: credit.number,
                worker: self.number,
                requested_output_tokens: prepared.requested_output_tokens,
                request_id: prepared.request_id.clone(),
                exchange,
            };
            let rest = due.is_none().then_some(BACK_OFF);
            in_flight.spawn(self.errand(prepared, finished, slot, rest, control.clone()));
            while in_flight.try_join_next().is_some() {}
        }
        while in_flight.join_next().await.is_some() {}
        counts.scheduled = counts.sent + counts.dropped;
        counts
    }

    /// Formats the request of a credit. One that cannot be formatted is over at once.
    async fn prepare(&self, phase: u32, credit: Credit) -> Option<(Prepared, usize)> {
        let Equipment { endpoint, target, dataset, clock, sink } = &self.equipment;
        let conversation = conversation_of(credit.number, dataset.len());
        let request_id = new_request_id();
        match prepare(endpoint, target, &dataset[conversation], credit.number, &request_id) {
            Ok(prepared) => Some((prepared, conversation)),
            Err(error) => {
                let mut exchange = Exchange { error: Some(error), ..Exchange::default() };
                exchange.instants.scheduled = clock.now();
                exchange.instants.started = clock.now();
                exchange.instants.end = clock.now();
                let session_num = credit.number;
                let worker = self.number;
                let finished = Finished {
                    request_id,
                    phase,
                    session_num,
                    conversation,
                    worker,
                    exchange,
                    ..Finished::default()
                };
                sink.finished(finished);
                self.check_poisoned();
                // Without this, an endpoint that refuses everything would keep the thread from hearing of the end.
                tokio::task::yield_now().await;
                None
            }
        }
    }

    /// One request as a task of its own: it holds its slot until it is over, and through a `rest` when nobody answered.
    fn errand(
        &self,
        prepared: Prepared,
        mut finished: Finished,
        slot: OwnedSemaphorePermit,
        rest: Option<Duration>,
        mut control: watch::Receiver<Control>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let wire = Arc::clone(&self.wire);
        let sink = self.equipment.sink.clone();
        async move {
            let cancelled = {
                let performing = pin!(wire.perform(&prepared, &mut finished.exchange));
                tokio::select! {
                    biased;
                    () = performing => false,
                    () = reached(&mut control, Control::Cancel) => true,
                }
            };
            if cancelled {
                finished.exchange.cancel(wire.clock);
            }
            let unreachable =
                finished.exchange.error.as_ref().is_some_and(|error| error.kind == CONNECT_ERROR);
            sink.finished(finished);
            if let Some(rest) = rest.filter(|_| unreachable) {
                tokio::select! {
                    biased;
                    () = reached(&mut control, Control::Drain) => {}
                    () = pause(rest) => {}
                }
            }
            drop(slot);
            if wire.endpoint.is_poisoned() {
                sink.poisoned();
            }
        }
    }

    fn check_poisoned(&self) {
        if self.equipment.endpoint.is_poisoned() {
            self.equipment.sink.poisoned();
        }
    }

    /// Credits that were due before the phase's end and never sent. A closed loop has none: nothing was due.
    fn count_dropped(&self, credit: Credit, start_ns: RunNs, credits: Credits) -> u64 {
        let now = self.equipment.clock.now();
        std::iter::once(credit)
            .chain(credits.take_while(|credit| credit.due_ns.is_some()))
            .take_while(|credit| credit.due_ns.is_some_and(|due_ns| start_ns + due_ns <= now))
            .count() as u64
    }
}

/// Waits until a request is due and a slot is free; `None` when the phase drains first.
async fn wait_for_turn(
    due: Option<RunNs>,
    pacer: &mut Pacer,
    slots: &Arc<Semaphore>,
    control: &mut watch::Receiver<Control>,
) -> Option<OwnedSemaphorePermit> {
    let turn = async {
        if let Some(due) = due {
            pacer.wait_until(due).await;
        }
        Arc::clone(slots).acquire_owned().await.ok()
    };
    tokio::select! {
        biased;
        () = reached(control, Control::Drain) => None,
        slot = turn => slot,
    }
}

/// Waits until the phase's control is at least `level`. A run that is gone counts as one that drains no more.
async fn reached(control: &mut watch::Receiver<Control>, level: Control) {
    let _ = control.wait_for(|now| *now >= level).await;
}
