//! The load of an agent: workers, recorder and journal, from their start to the last frame. [`Working`].

use std::{collections::VecDeque, fs, io, path::Path, sync::Arc, thread};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{controller_link::ControllerLink, lender::Lender, prepare::Prepared, sketcher::Sketcher};
use crate::{
    clock::{Clock, RunNs, as_ns},
    node::{
        Fleet, NodeError, PhaseStart, RemoteError, Work,
        agent::messages::{AgentEvent, Beginning, KeptFile},
    },
    plan::Plan,
    plugin::Registry,
    record::{
        ClockShift, Frame, ProcessUsage, RunEnd,
        kept_run::KeptRun,
        live::Live,
        recorder::{CountingWait, Recorder},
    },
    request::{worker::Control, worker_statistics::WorkerUsage},
    run::{
        channels::{Channels, Signal},
        lock,
        recording::Hearing,
        running_phase::RunningPhase,
        usage,
        watch::Watch,
    },
    schedule::{
        ScheduleCounts,
        lending::{Change, Limited},
        numbers::Lease,
    },
    service::bus::Bus,
};

/// Workers of a phase with a schedule are told of it so long before its first instant: what is due then is formatted by then.
const BEFORE_OPEN_NS: RunNs = 20_000_000;

/// A phase that begins so much after its instant begins late.
const LATE_NS: RunNs = 5_000_000;

/// A load that goes on.
pub(super) struct Working {
    plan: Plan,
    clock: Clock,
    registry: Arc<Registry>,
    fleet: Fleet,
    recorder: Recorder,
    channels: Channels,
    live: Arc<Live>,
    sketcher: Arc<Sketcher>,
    lender: Lender,
    /// What is known of this agent, for a journal that nobody fetches.
    kept: KeptRun,
    /// Phases that are announced and have not begun, in their order.
    announced: VecDeque<PhaseStart>,
    /// Numbers of announced phases that came before these began.
    early: Vec<(u32, Lease)>,
    /// When the duration of a phase is over: nothing more begins, whatever the network does.
    ends: Vec<(RunNs, u32)>,
    /// Numbers of the phases that have begun.
    begun: Vec<u32>,
    /// Those that are not over.
    running: Vec<RunningPhase>,
    used_before: ProcessUsage,
}

impl Working {
    /// Starts recorder and workers. What they have to say comes out of the other value.
    ///
    /// # Errors
    /// There is no journal, or a worker cannot start.
    pub(super) fn start(
        prepared: Prepared,
        beginning: &Beginning,
        dir: &Path,
        controller: &ControllerLink,
    ) -> Result<(Self, UnboundedReceiver<Signal>), RemoteError> {
        let (signals, heard) = unbounded_channel();
        let started = start(prepared, beginning, dir, signals).map_err(|error| error.remote())?;
        let (mut working, to_send) = (started, controller.clone());
        let wait = working.fleet.readiness();
        let ready = move || {
            wait();
            to_send.send_now(&AgentEvent::Ready);
        };
        if let Err(error) = thread::Builder::new().name("ready".into()).spawn(ready) {
            tracing::warn!(%error, "the load begins although not all connections may be open");
            controller.send_now(&AgentEvent::Ready);
        }
        Ok((working, heard))
    }

    pub(super) fn announce(&mut self, start: PhaseStart) {
        self.announced.push_back(start);
    }

    /// When something is to be done: a phase begins, or its duration is over.
    pub(super) fn next_instant(&self) -> Option<(Clock, RunNs)> {
        let ends = self.ends.iter().map(|(at, _)| *at);
        Some((self.clock, self.next_begin().into_iter().chain(ends).min()?))
    }

    fn next_begin(&self) -> Option<RunNs> {
        let start = self.announced.front()?;
        let is_open = self.plan.phases.iter().any(|phase| phase.id == start.phase && phase.load.is_open());
        let ahead = if is_open { BEFORE_OPEN_NS } else { 0 };
        Some(start.start_ns.saturating_sub(ahead))
    }

    /// Does what is to be done by now.
    pub(super) fn act(&mut self, controller: &ControllerLink) {
        let now = self.clock.now();
        let (over, ends): (Vec<_>, Vec<_>) = self.ends.iter().copied().partition(|(at, _)| *at <= now);
        self.ends = ends;
        for (_, phase) in over {
            self.fleet.control(phase, Control::Drain);
        }
        if self.next_begin().is_some_and(|at| at <= now) {
            self.begin_next(controller);
        }
    }

    fn begin_next(&mut self, controller: &ControllerLink) {
        let Some(start) = self.announced.pop_front() else { return };
        let Some(phase) = self.plan.phases.iter().find(|phase| phase.id == start.phase) else { return };
        self.live.reset(phase.id);
        self.sketcher.begin(phase, start.start_ns);
        self.channels.refusals.reset(phase.load.most_in_flight());
        let late_ns = self.clock.now().saturating_sub(start.start_ns);
        if late_ns > LATE_NS {
            controller.send_now(&AgentEvent::Late(phase.id, late_ns));
        }
        self.begun.push(phase.id);
        let workers = self.fleet.active_workers(phase);
        self.running.push(RunningPhase::begin(phase.id, start.start_ns, workers, None));
        let (index, kind) = (phase.id, phase.role.kind());
        self.channels.recorder.frame(Frame::PhaseStarted { index, kind, at_ns: start.start_ns });
        self.ends
            .extend(phase.stop.duration().map(|time| (start.start_ns.saturating_add(as_ns(time)), index)));
        self.fleet.begin(start);
        self.lender.begin(index, self.fleet.lendable(index));
        let (now, later): (Vec<_>, Vec<_>) = self.early.drain(..).partition(|(phase, _)| *phase == index);
        self.early = later;
        for (phase, lease) in now {
            self.fleet.lease(phase, lease);
        }
    }

    /// Drains or cancels a phase. One that has not begun does not begin any more: what its workers have to say of it.
    pub(super) fn control(&mut self, phase: u32, control: Control) -> Vec<AgentEvent> {
        self.ends.retain(|(_, ends)| *ends != phase);
        let before = self.announced.len();
        self.announced.retain(|announced| announced.phase != phase);
        if self.announced.len() == before {
            self.fleet.control(phase, control);
            return Vec::new();
        }
        let planned = self.plan.phases.iter().find(|planned| planned.id == phase);
        let workers = planned.map_or(0, |planned| self.fleet.active_workers(planned));
        let none = |worker| {
            let usage = WorkerUsage { worker, ..WorkerUsage::default() };
            AgentEvent::Done(phase, ScheduleCounts::default(), usage)
        };
        (0..u32::try_from(workers).unwrap_or(u32::MAX)).map(none).collect()
    }

    /// Takes note of where this machine's clock stands.
    pub(super) fn note_clock(&mut self, shift: ClockShift, bound_ns: u64, drift_ns: u64, dir: &Path) {
        self.kept.clock = shift;
        self.kept.facts.clock_bound_ns = bound_ns;
        self.kept.facts.clock_drift_ns = drift_ns;
        let (kept, dir) = (self.kept.clone(), dir.to_owned());
        // The disk may take long, and the workers' events do not wait for it.
        let writing = thread::Builder::new().name("background".into()).spawn(move || {
            if let Err(error) = kept.write(&dir) {
                tracing::warn!(%error, "where the clock stands is not kept");
            }
        });
        if let Err(error) = writing {
            tracing::warn!(%error, "where the clock stands is not kept");
        }
    }

    /// Whether a phase has begun.
    pub(super) fn has_begun(&self) -> bool {
        !self.begun.is_empty()
    }

    /// Whether no phase goes on or is announced.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.announced.is_empty()
    }

    /// Lets what is in flight come to its end, and begins nothing more.
    pub(super) fn drain(&mut self) {
        self.announced.clear();
        for phase in &self.begun {
            self.fleet.control(*phase, Control::Drain);
        }
    }

    /// Cancels everything.
    pub(super) fn cancel(&mut self) {
        self.announced.clear();
        for phase in &self.begun {
            self.fleet.control(*phase, Control::Cancel);
        }
    }

    pub(super) fn lease(&mut self, phase: u32, lease: Lease) {
        if self.announced.iter().any(|announced| announced.phase == phase) {
            self.early.push((phase, lease));
        } else {
            self.fleet.lease(phase, lease);
        }
    }

    /// What becomes of places of a limit. What is to be said of it.
    pub(super) fn change_places(
        &mut self,
        phase: u32,
        limited: Limited,
        change: Change,
    ) -> Option<AgentEvent> {
        self.lender.obey(phase, limited, change)
    }

    /// To be asked ten times a second: what is to be said of places of limits.
    pub(super) fn look_at_places(&mut self) -> Vec<AgentEvent> {
        self.lender.look()
    }

    /// To be asked ten times a second: what is said of a worker that does not react.
    pub(super) fn look(&mut self) -> Option<String> {
        self.registry.restore_process_state();
        self.fleet.look()
    }

    /// How far the phases are that have begun: the latest, and one that hands over to it; and what has ended of the latest since this was
    /// asked last.
    pub(super) fn progress(&self) -> Vec<AgentEvent> {
        let tally = &self.channels.tally;
        let latest = self.begun.iter().rev().take(2);
        let progress = latest.map(|phase| AgentEvent::Progress(tally.progress(*phase, &self.live)));
        let sketch = self.sketcher.sketch(|phase| tally.in_flight(phase));
        progress.chain(sketch.map(|sketch| AgentEvent::Sketch(Box::new(sketch)))).collect()
    }

    /// What a signal of the workers means to the controller.
    pub(super) fn translate(&mut self, signal: Signal) -> Option<AgentEvent> {
        Some(match signal {
            Signal::AllStarted(phase, started) => AgentEvent::AllStarted(phase, started),
            Signal::WorkerDone(phase, counts, usage) => {
                self.worker_is_done(phase, counts, *usage);
                AgentEvent::Done(phase, counts, *usage)
            }
            Signal::WantsNumbers(phase, wanted) => AgentEvent::Wants(phase, wanted),
            Signal::EndsEarly(early_end) => AgentEvent::EndsEarly(early_end),
            Signal::Poisoned => AgentEvent::Poisoned,
            Signal::WorkerLost(what) => AgentEvent::Lost(what),
            Signal::NodeHangs(what) => AgentEvent::Hangs(what),
            Signal::NodeGone(node, nonsense) => {
                let death = self.fleet.death(node).map(|death| nonsense.unwrap_or(death))?;
                AgentEvent::Leaves(format!("the process of its endpoint {death}"))
            }
            Signal::JournalLost => AgentEvent::Leaves("it cannot write its journal any more".to_owned()),
            // An agent has no services and no hooks, and what is too much failure is the controller's to say.
            Signal::StepOver(_)
            | Signal::TooManyFailed(_)
            | Signal::Remark(_)
            | Signal::Said(_)
            | Signal::StopRequested(_) => return None,
        })
    }

    fn worker_is_done(&mut self, phase: u32, counts: ScheduleCounts, usage: WorkerUsage) {
        let Some(at) = self.running.iter().position(|running| running.index == phase) else { return };
        self.running[at].done(counts, usage);
        if self.running[at].is_over() {
            let over = self.running.remove(at);
            end_phase(over, self.clock.now(), &self.channels);
        }
    }

    /// Ends the workers, and writes everything down. Blocks. What was kept.
    pub(super) fn end(self, dir: &Path, reason: Option<String>) -> io::Result<Vec<KeptFile>> {
        let Self { clock, registry, fleet, recorder, channels, running, used_before, .. } = self;
        fleet.dismiss();
        channels.recorder.settle(CountingWait::Full);
        for phase in running {
            end_phase(phase, clock.now(), &channels);
        }
        let end = RunEnd {
            at_ns: clock.now(),
            was_cancelled: reason.is_some(),
            reason,
            usage: Some(usage::since(used_before)),
            notes: registry.notes().into_iter().chain(channels.recorder.notes()).collect(),
            ..RunEnd::default()
        };
        if let Err(error) = recorder.end(Frame::End(end)) {
            tracing::error!(%error, "the journal is not whole");
        }
        kept_files(dir)
    }
}

fn start(
    prepared: Prepared,
    beginning: &Beginning,
    dir: &Path,
    signals: UnboundedSender<Signal>,
) -> Result<Working, NodeError> {
    let Prepared { plan, clock, division, registry, endpoint, source, target, tokenizer, redactor, identity } =
        prepared;
    let live = Arc::new(Live::default());
    let watch = Arc::new(Watch::new(clock, plan.target.use_server_token_count));
    let sketcher = Arc::new(Sketcher::new(clock, plan.target.use_server_token_count));
    let bus = Arc::new(Bus::default());
    let heard = Hearing { bus, live: Arc::clone(&live), listener: Arc::clone(&sketcher) };
    let config = heard.config(&plan, &target, tokenizer, &redactor, clock);
    let lost = signals.clone();
    let Beginning { header, kept } = beginning;
    kept.write(dir)?;
    let recorder = Recorder::start(dir, header, config, move || drop(lost.send(Signal::JournalLost)));
    let recorder = recorder?;
    let channels = Channels::of(plan.phases.len(), recorder.handle(), signals, watch, Arc::clone(&live));
    let work = Work { plan: &plan, clock, target: &target, source: &source, division, header, dir };
    let fleet = endpoint.start(&work, &channels)?;
    // All workers have read it.
    drop(identity);
    Ok(Working {
        plan,
        clock,
        registry,
        fleet,
        recorder,
        channels,
        live,
        sketcher,
        lender: Lender::default(),
        kept: kept.clone(),
        announced: VecDeque::new(),
        early: Vec::new(),
        ends: Vec::new(),
        begun: Vec::new(),
        running: Vec::new(),
        used_before: usage::of_this_process(),
    })
}

/// Writes down that a phase is over, and what has become of requests whose workers have not said it.
fn end_phase(phase: RunningPhase, at_ns: RunNs, channels: &Channels) {
    let is_short = phase.is_short();
    let RunningPhase { index, mut counts, mut workers, .. } = phase;
    workers.sort_unstable_by_key(|usage| usage.worker);
    if is_short {
        counts = channels.tally.with_lost(index, counts);
    }
    channels.recorder.frame(Frame::PhaseEnded { index, at_ns, counts, workers });
}

/// The files in the folder of a run.
pub(super) fn kept_files(dir: &Path) -> io::Result<Vec<KeptFile>> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        // The lock of the folder is the agent's own.
        if metadata.is_file() && entry.file_name() != lock::FILE_NAME {
            let name = entry.file_name().to_string_lossy().into_owned();
            kept.push(KeptFile { name, bytes: metadata.len() });
        }
    }
    kept.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(kept)
}
