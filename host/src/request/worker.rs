//! A worker: a thread with its own runtime and connections, that sends its share of each phase.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, mpsc::Receiver},
    task::Poll,
    thread::{self, JoinHandle},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, watch},
    task::{JoinError, JoinSet, yield_now},
};

use super::{
    endpoint::Endpoint,
    exchange::{Content, Exchange, Finished, Wire},
    prepared::{Prepared, new_request_id, prepare},
    pulse::Pulse,
    target::TargetPlan,
    transport::{Transport, TransportError},
    worker_statistics::{WorkerStatistics, WorkerUsage},
};
use crate::{
    clock::{Clock, RunNs},
    dataset::{Script, Source},
    schedule::{
        Credit, ScheduleCounts,
        credits::Credits,
        gate::{Slot, Slots},
        pacer::{Pacer, pause},
    },
};

/// A slot of a closed loop rests so long after a connection was refused, or a request by its endpoint: neither must turn the
/// loop into one that fails as fast as it can. The schedule of an open loop limits itself.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What a phase's workers are told while it runs. Only ever moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// When its duration and its grace period are over: what arrives later does not count. `None` without such an end.
    pub(crate) ends_ns: Option<RunNs>,
    /// Which requests are this worker's, and when they are due.
    pub(crate) credits: Credits,
    /// Scripts that earlier phases have played.
    pub(crate) first_script: u64,
    /// A slot for each request that may be in flight: of this worker in a closed loop, of all in an open one.
    pub(crate) slots: Slots,
    /// When the latest request of an open loop had its slot.
    pub(crate) slotted_ns: RunNs,
    /// Run, drain or cancel.
    pub(crate) control: watch::Receiver<Control>,
}

/// What every worker of a run needs.
#[derive(Clone, Debug)]
pub(crate) struct Equipment<S> {
    /// The run's clock.
    pub(crate) clock: Clock,
    /// The endpoint.
    pub(crate) endpoint: Endpoint,
    /// What all requests have in common.
    pub(crate) target: Arc<TargetPlan>,
    /// What the requests say.
    pub(crate) source: Arc<Source>,
    /// Takes requests that are over, and is told when a phase is.
    pub(crate) sink: S,
}

/// Takes what a worker produces. Never waits.
pub(crate) trait Sink: Clone + Send + Sync + 'static {
    /// A request is being tried: unless its worker is lost, it is going to be over.
    fn begun(&self);
    /// A request is over.
    fn finished(&self, finished: Finished);
    /// This worker's part of a phase is over.
    fn phase_done(&self, counts: ScheduleCounts, usage: WorkerUsage);
    /// The endpoint panicked too often.
    fn poisoned(&self);
    /// Something of a worker's own panicked: its numbers cannot be trusted any more.
    fn lost(&self, what: String);
}

/// A running worker.
#[derive(Debug)]
pub(crate) struct Worker {
    assignments: mpsc::UnboundedSender<Assignment>,
    prepared: Option<Receiver<()>>,
    pulse: Arc<Pulse>,
    thread: JoinHandle<()>,
}

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerError {
    /// No thread, no runtime or no timer.
    #[error("start worker {number}")]
    Start {
        /// Number of the worker, from 0.
        number: u32,
        /// What the system says.
        source: std::io::Error,
    },
    /// The TLS set-up failed.
    #[error("prepare the connections of worker {number}")]
    Transport {
        /// Number of the worker, from 0.
        number: u32,
        /// What the TLS library says.
        source: TransportError,
    },
}

impl Worker {
    /// Starts a worker's thread. It opens so many connections ahead, and then waits for assignments.
    pub(crate) fn start<S: Sink>(
        number: u32,
        equipment: Equipment<S>,
        ahead: usize,
    ) -> Result<Self, WorkerError> {
        let failed = |source| WorkerError::Start { number, source };
        let statistics = Arc::<WorkerStatistics>::default();
        let transport = Transport::new(&equipment.target, equipment.clock, Arc::clone(&statistics))
            .map_err(|source| WorkerError::Transport { number, source })?;
        let (assignments, received) = mpsc::unbounded_channel();
        let (ready, prepared) = std::sync::mpsc::sync_channel(1);
        let equipment = Equipment { endpoint: equipment.endpoint.with_own_pulse(), ..equipment };
        let pulse = equipment.endpoint.pulse();
        let wire = Arc::new(Wire {
            clock: equipment.clock,
            transport,
            endpoint: equipment.endpoint.clone(),
            target: Arc::clone(&equipment.target),
            priority: Arc::default(),
        });
        let running = RunningWorker { number, equipment, wire, statistics };
        // The runtime comes behind the thread: one that finds no thread would be dropped where that may not block.
        let (give, given) = std::sync::mpsc::sync_channel::<Runtime>(1);
        let thread = thread::Builder::new()
            .name(format!("worker {number}"))
            .spawn(move || {
                let Ok(runtime) = given.recv() else { return };
                let alarm = Alarm { number, sink: running.equipment.sink.clone() };
                runtime.block_on(async {
                    running.preconnect(ahead).await;
                    // Nobody waits for it any more if the run is over.
                    let _ = ready.send(());
                    running.work(received).await;
                });
                std::mem::forget(alarm);
            })
            .map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        // It waits for it.
        let _ = give.send(runtime);
        Ok(Self { assignments, prepared: Some(prepared), pulse, thread })
    }

    /// Tells whether its calls into the plugin return.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Tells when its connections are open, as far as they can be; once.
    pub(crate) fn readiness(&mut self) -> Option<Receiver<()>> {
        self.prepared.take()
    }

    /// Gives it its part of a phase.
    pub(crate) fn assign(&self, assignment: Assignment) {
        // A worker that is gone has panicked, and its alarm has said so.
        let _ = self.assignments.send(assignment);
    }

    /// Ends it, and waits until it has ended.
    pub(crate) fn join(self) {
        drop(self.assignments);
        // A panic was told by the alarm.
        let _ = self.thread.join();
    }
}

/// Goes off when a worker's thread unwinds.
struct Alarm<S: Sink> {
    number: u32,
    sink: S,
}

impl<S: Sink> Drop for Alarm<S> {
    fn drop(&mut self) {
        self.sink.lost(format!("worker {} panicked", self.number));
    }
}

/// A worker at work, inside its thread.
struct RunningWorker<S> {
    number: u32,
    equipment: Equipment<S>,
    wire: Arc<Wire>,
    statistics: Arc<WorkerStatistics>,
}

/// A request that may go.
struct Ready {
    prepared: Prepared,
    finished: Finished,
    slot: Slot,
    /// How long its slot rests when nobody answers.
    rest: Option<Duration>,
}

/// What became of the next credit.
enum Step {
    /// Its request may go.
    Send(Box<Ready>),
    /// Its request could not be formatted, and is over. It had a slot in a closed loop.
    Refused(Option<Slot>),
    /// The phase drains; this credit was still waiting.
    Drained(Credit),
    /// There is none, or none was taken before the phase drained.
    NoMore,
}

impl<S: Sink> RunningWorker<S> {
    /// Opens connections ahead. What cannot be opened now is opened, or fails, with the request that needs it.
    async fn preconnect(&self, count: usize) {
        let (opened, error) = self.wire.transport.preconnect(&self.equipment.target, count).await;
        if let Some(error) = error {
            let cause = error.causes.last().map_or("", String::as_str);
            tracing::warn!(
                worker = self.number,
                opened,
                wanted = count,
                cause,
                "not all connections are open"
            );
        }
    }

    async fn work(self, mut assignments: mpsc::UnboundedReceiver<Assignment>) {
        let mut pacer = Pacer::new(self.equipment.clock);
        while let Some(assignment) = assignments.recv().await {
            self.wire.priority.keep_in_a_crowd();
            let shift = self.statistics.begin(self.equipment.clock.now());
            let steps = self.wire.transport.clock_steps();
            let counts = self.run_phase(assignment, &mut pacer).await;
            let usage = self.statistics.end(self.number, &shift, self.equipment.clock.now());
            let clock_steps = self.wire.transport.clock_steps() - steps;
            let goes_first = self.wire.priority.was_raised();
            let usage = WorkerUsage { goes_first, clock_steps, ..usage };
            self.equipment.sink.phase_done(counts, usage);
        }
    }

    /// Sends every credit of the assignment, then waits for what is in flight.
    async fn run_phase(&self, mut phase: Assignment, pacer: &mut Pacer) -> ScheduleCounts {
        let mut counts = ScheduleCounts::default();
        let mut in_flight = JoinSet::new();
        loop {
            match self.next_step(&mut phase, pacer).await {
                Step::Send(ready) => {
                    let task = self.request_task(*ready, phase.ends_ns, phase.control.clone());
                    in_flight.spawn(task);
                }
                Step::Refused(slot) => {
                    in_flight.spawn(rest(slot, phase.control.clone()));
                }
                Step::Drained(credit) => {
                    counts.dropped = self.count_dropped(credit, &mut phase);
                    break;
                }
                Step::NoMore => break,
            }
            counts.scheduled += 1;
            while let Some(ended) = in_flight.try_join_next() {
                self.check(ended);
            }
        }
        while let Some(ended) = in_flight.join_next().await {
            self.check(ended);
        }
        counts.scheduled += counts.dropped;
        counts
    }

    /// In a closed loop the slot comes first: whoever has one takes the next number. In an open loop the number comes
    /// first, its request is formatted ahead, and then waits for its time and a slot.
    async fn next_step(&self, phase: &mut Assignment, pacer: &mut Pacer) -> Step {
        let draining = *phase.control.borrow_and_update() >= Control::Drain;
        if draining {
            return phase
                .credits
                .next()
                .filter(|credit| credit.due_ns.is_some())
                .map_or(Step::NoMore, Step::Drained);
        }
        if phase.credits.is_open() {
            self.next_open(phase, pacer).await
        } else {
            self.next_closed(phase).await
        }
    }

    async fn next_closed(&self, phase: &mut Assignment) -> Step {
        let slot = phase.slots.enter(self.equipment.clock, phase.start_ns);
        let Some(slot) = unless_drained(&mut phase.control, slot).await else { return Step::NoMore };
        let Some(credit) = phase.credits.next() else { return Step::NoMore };
        self.equipment.sink.begun();
        let script = self.script(phase, credit);
        let mut finished = self.begin(phase, credit, &script);
        let Some(prepared) = self.prepare(&mut finished, &script).await else {
            return Step::Refused(Some(slot));
        };
        let now = self.equipment.clock.now();
        finished.exchange.instants.scheduled = now;
        finished.exchange.instants.started = now;
        Step::Send(Box::new(Ready { prepared, finished, slot, rest: Some(BACK_OFF) }))
    }

    async fn next_open(&self, phase: &mut Assignment, pacer: &mut Pacer) -> Step {
        let Some(credit) = phase.credits.next() else { return Step::NoMore };
        let due = phase.start_ns.saturating_add(credit.due_ns.unwrap_or(0));
        let script = self.script(phase, credit);
        let mut finished = self.begin(phase, credit, &script);
        finished.exchange.instants.scheduled = due;
        let Some(prepared) = self.prepare(&mut finished, &script).await else {
            self.equipment.sink.begun();
            // It was formatted ahead, but its turn is not over before it comes: the schedule limits failures as well.
            unless_drained(&mut phase.control, pacer.wait_until(due)).await;
            return Step::Refused(None);
        };
        let turn = async {
            pacer.wait_until(due).await;
            // Until it had the slot for the request before, it waited for the server, and not the server for it.
            let idle_since = due.max(phase.slotted_ns);
            self.statistics.note_wake(self.equipment.clock.now().saturating_sub(idle_since));
            if phase.slots.is_full() {
                self.statistics.note_held_back();
            }
            phase.slots.enter(self.equipment.clock, phase.start_ns).await
        };
        let Some(slot) = unless_drained(&mut phase.control, turn).await else { return Step::Drained(credit) };
        phase.slotted_ns = self.equipment.clock.now();
        self.equipment.sink.begun();
        finished.exchange.instants.started = self.equipment.clock.now();
        Step::Send(Box::new(Ready { prepared, finished, slot, rest: None }))
    }

    /// What the session of a credit says.
    fn script(&self, phase: &Assignment, credit: Credit) -> Arc<Script> {
        self.equipment.source.script(phase.first_script.saturating_add(credit.number))
    }

    /// What is known of a request before it exists.
    fn begin(&self, phase: &Assignment, credit: Credit, script: &Script) -> Finished {
        let mut finished = Finished {
            request_id: new_request_id(),
            phase: phase.phase,
            session_num: credit.number,
            content: Content::of(script.first()),
            worker: self.number,
            requested_output_tokens: None,
            unformatted: false,
            exchange: Exchange::default(),
        };
        finished.exchange.instants.scheduled = self.equipment.clock.now();
        finished
    }

    /// Formats a request. One that cannot be formatted is over at once.
    async fn prepare(&self, finished: &mut Finished, script: &Script) -> Option<Prepared> {
        let Equipment { endpoint, target, clock, .. } = &self.equipment;
        let (session_num, request_id) = (finished.session_num, &finished.request_id);
        // It may be due long after now, and a signature is good for some minutes.
        let sent_s = clock.unix_time_s(clock.now().max(finished.exchange.instants.scheduled));
        match prepare(endpoint, target, script.first(), session_num, request_id, sent_s) {
            Ok(prepared) => {
                finished.requested_output_tokens = prepared.requested_output_tokens;
                Some(prepared)
            }
            Err(error) => {
                let mut refused = std::mem::take(finished);
                refused.exchange.instants.started = clock.now();
                refused.unformatted = true;
                refused.exchange.fail(error, clock.now());
                hand_over(&self.equipment.sink, endpoint, refused);
                // Without this, an endpoint that refuses everything would keep the thread from hearing of the end.
                yield_now().await;
                None
            }
        }
    }

    /// One request as a task of its own: it holds its slot until its answer is over, and through a rest when nobody answered.
    fn request_task(
        &self,
        ready: Ready,
        ends_ns: Option<RunNs>,
        mut control: watch::Receiver<Control>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let wire = Arc::clone(&self.wire);
        let sink = self.equipment.sink.clone();
        async move {
            let Ready { prepared, mut finished, slot, rest } = ready;
            let mut slot = Some(slot);
            let exchange = &mut finished.exchange;
            let performed = match unless_cancelled(&control, wire.perform(&prepared, exchange)).await {
                // The answer is over: the next request need not wait for the end of its body.
                Some(Some(stream)) => {
                    drop(slot.take());
                    unless_cancelled(&control, wire.settle(&prepared, exchange, *stream)).await
                }
                performed => performed.map(|_| ()),
            };
            if performed.is_none() {
                wire.abandon(&prepared, exchange);
            }
            // The order of arrivals decides, and not when this thread came to read them or heard of the end.
            if !exchange.outcome.is_cancelled() && ends_ns.is_some_and(|ends_ns| exchange.over_ns() > ends_ns)
            {
                exchange.cancel(wire.clock.now());
            }
            let unreachable =
                finished.exchange.outcome.failure().is_some_and(|failure| failure.kind.is_nobody_there());
            hand_over(&sink, &wire.endpoint, finished);
            if let Some(rest) = rest.filter(|_| unreachable) {
                unless_drained(&mut control, pause(rest)).await;
            }
            drop(slot);
        }
    }

    fn check(&self, ended: Result<(), JoinError>) {
        if let Err(error) = ended {
            self.equipment.sink.lost(format!("a request of worker {} panicked: {error}", self.number));
        }
    }

    /// Credits that were due before the phase's end and never tried: the one that waited, and those behind it.
    fn count_dropped(&self, waiting: Credit, phase: &mut Assignment) -> u64 {
        let now = self.equipment.clock.now();
        let was_due = |credit: &Credit| {
            credit.due_ns.is_some_and(|due_ns| phase.start_ns.saturating_add(due_ns) <= now)
        };
        std::iter::once(waiting).chain(&mut phase.credits).take_while(was_due).count() as u64
    }
}

/// Gives a request away that is over, and says so when its endpoint is not to be asked any more.
fn hand_over<S: Sink>(sink: &S, endpoint: &Endpoint, finished: Finished) {
    sink.finished(finished);
    if endpoint.is_poisoned() {
        sink.poisoned();
    }
}

/// Keeps a slot for a while when its request could not be formatted.
async fn rest(slot: Option<Slot>, mut control: watch::Receiver<Control>) {
    if slot.is_some() {
        unless_drained(&mut control, pause(BACK_OFF)).await;
    }
}

/// What `waiting` gives, or nothing when the phase drains first.
async fn unless_drained<T: Default>(
    control: &mut watch::Receiver<Control>,
    waiting: impl Future<Output = T>,
) -> T {
    let waited = tokio::select! {
        biased;
        () = reached(control, Control::Drain) => return T::default(),
        waited = waiting => waited,
    };
    // Receivers are told one after the other: a request that was told first gives back its slot before this one is told.
    if *control.borrow() >= Control::Drain { T::default() } else { waited }
}

/// What `performing` gives, unless the phase is cancelled before.
///
/// `select!` would ask for news of the phase with every token, and asking takes a lock. Whether there are any is one load,
/// and once asked, news wake the task: a task has one waker.
async fn unless_cancelled<T>(
    control: &watch::Receiver<Control>,
    performing: impl Future<Output = T>,
) -> Option<T> {
    let mut asked = control.clone();
    let (mut performing, mut cancelled) = (pin!(performing), pin!(reached(&mut asked, Control::Cancel)));
    let mut is_asked = false;
    let performed = poll_fn(|context| {
        if let Poll::Ready(performed) = performing.as_mut().poll(context) {
            return Poll::Ready(Some(performed));
        }
        // A sender that is gone is news as well.
        if is_asked && matches!(control.has_changed(), Ok(false)) {
            return Poll::Pending;
        }
        is_asked = true;
        cancelled.as_mut().poll(context).map(|()| None)
    })
    .await;
    if performed.is_some() {
        return performed;
    }
    // What arrived before the end may still wait to be announced: the runtime asks its poller before it goes on here.
    yield_now().await;
    poll_fn(|context| match performing.as_mut().poll(context) {
        Poll::Ready(performed) => Poll::Ready(Some(performed)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Waits until the phase's control is at least `level`. A run that is gone counts as one that drains no more.
async fn reached(control: &mut watch::Receiver<Control>, level: Control) {
    let _ = control.wait_for(|now| *now >= level).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slot_that_the_end_of_the_phase_made_free_is_not_taken() {
        let (phase, mut control) = watch::channel(Control::Run);
        let freed_by_the_end = async {
            phase.send_replace(Control::Cancel);
            Some("a slot")
        };
        assert_eq!(unless_drained(&mut control, freed_by_the_end).await, None);
    }
}
