//! The conductor: the one select loop of a run. It hears, asks [`Lifecycle`] what to do, and does it.

use std::{sync::Arc, time::Duration};

use prony_plugin_api::message::{PhaseEnded, PhaseStarted};
use tokio::sync::mpsc::unbounded_channel;

use super::{
    crew::{Crew, CrewError, Dialect, Order, active_workers},
    ears::{Ears, Heard},
    lifecycle::{Action, Ending, Event, Lifecycle},
    progress::Progress,
    refusals::Gone,
    setup::Run,
    usage,
    wiring::{Signal, Wires},
};
use crate::{
    clock::{RunNs, as_ns},
    plugin::Registry,
    record::{
        Frame, RunEnd, ServiceReport,
        journal::JournalError,
        recorder::{Hurry, Keeping, Live, Recorder, RecorderError},
    },
    request::{gauge::WorkerUsage, worker::Control},
    schedule::ScheduleCounts,
    service::{
        bus::Bus,
        supervisor::{Fate, Supervisor, Surroundings},
        wanted::Wanted,
    },
};

/// How long cancelled requests may take to be over.
const CANCEL_PATIENCE: Duration = Duration::from_secs(1);

/// How long a service may hold up the start of a phase.
const SETTLE_PATIENCE: Duration = Duration::from_millis(250);

/// How long the last of the journal may take to be written when somebody is in a hurry. Nothing of it is waited for but the
/// disk.
const KEEP_PATIENCE: Duration = Duration::from_secs(2);

/// How long services may take to flush when the user is not in a hurry, and when he is.
const STOP_DEADLINE: Duration = Duration::from_secs(5);
const HURRIED_STOP_DEADLINE: Duration = Duration::from_millis(300);

/// Why a run could not be made, or not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// There is no journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal is not whole.
    #[error(transparent)]
    Recorder(#[from] RecorderError),
    /// The workers could not start.
    #[error(transparent)]
    Crew(#[from] CrewError),
    /// The runtime or the signal handlers.
    #[error("start the run's event loop")]
    EventLoop(#[source] std::io::Error),
}

/// Conducts a run from its first phase to the last frame of its journal. What was measured is in the journal then,
/// whatever is returned.
///
/// # Errors
/// The run could not start, or its journal could not be written to the end.
pub(crate) fn conduct(
    run: &Run,
    dialect: Dialect,
    registry: &Arc<Registry>,
) -> Result<Option<Ending>, RunError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::EventLoop)?;
    runtime.block_on(conduct_in_loop(run, dialect, registry))
}

async fn conduct_in_loop(
    run: &Run,
    dialect: Dialect,
    registry: &Arc<Registry>,
) -> Result<Option<Ending>, RunError> {
    let (signals, heard) = unbounded_channel();
    let mut ears = Ears::new(run.clock, heard).map_err(RunError::EventLoop)?;
    registry.note_signal_handlers();
    let (bus, live) = (Arc::new(Bus::default()), Arc::new(Live::default()));
    let lost = signals.clone();
    let keeping = keeping(run, &bus, &live);
    let mut recorder =
        Recorder::start(&run.dir, &run.header, keeping, move || drop(lost.send(Signal::JournalLost)))?;
    if let Some(place) = recorder.take_place() {
        // There is one run, and it is conducted once.
        let _ = run.journal.set(place);
    }
    let wires =
        Wires { recorder: recorder.handle(), signals, tally: Arc::default(), refusals: Arc::default() };
    let mut crew = dialect.start(run, &wires)?;
    let (services, crew_is_ready) = (start_services(run, registry, &bus, &wires), crew.readiness());
    let services = move || {
        let started = services();
        crew_is_ready();
        started
    };
    let (ending, end) = match ears.unless_interrupted(services).await {
        None => {
            let services = run.services.iter().map(not_waited_for).collect();
            (Some(ears.ending()), RunEnd { services, ..RunEnd::default() })
        }
        Some(services) => {
            let mut conductor = Conductor {
                run,
                registry: Arc::clone(registry),
                bus,
                live,
                wires: wires.clone(),
                crew,
                services,
                phase: None,
                played: 0,
                deadline: run.config.deadline().map(as_ns),
                hurried: false,
                abandoned: false,
            };
            let ending = conductor.phases(&mut ears).await;
            let hurry = conductor.hurry(ending.as_ref());
            (ending, conductor.end(&mut ears, hurry).await)
        }
    };
    registry.put_back_surroundings();
    // Whoever does not wait for the rest ends the run as well.
    let ending = ending.or_else(|| ears.interrupted());
    let end = RunEnd {
        at_ns: run.clock.now(),
        was_cancelled: ending.is_some(),
        reason: ending.as_ref().map(Ending::reason),
        plugins: registry.used(&run.wanted_plugins()),
        usage: Some(usage::of_this_process()),
        notes: registry.notes().into_iter().chain(wires.recorder.note()).collect(),
        ..end
    };
    match ears.despite_interrupts(KEEP_PATIENCE, move || recorder.end(Frame::End(end))).await {
        Some(kept) => kept.map(|()| ending).map_err(RunError::from),
        None => Ok(Some(ears.ending())),
    }
}

fn keeping(run: &Run, bus: &Arc<Bus>, live: &Arc<Live>) -> Keeping {
    Keeping {
        redactor: Arc::clone(&run.redactor),
        dataset: Arc::clone(&run.dataset),
        tokenizer: run.tokenizer.clone(),
        keep_outputs: run.config.export_outputs,
        phases: run.config.phases.iter().map(|phase| phase.kind).collect(),
        clock: run.clock,
        bus: Arc::clone(bus),
        live: Arc::clone(live),
    }
}

fn start_services(
    run: &Run,
    registry: &Arc<Registry>,
    bus: &Arc<Bus>,
    wires: &Wires,
) -> impl FnOnce() -> Supervisor + Send + 'static {
    let (wanted, registry) = (run.services.clone(), Arc::clone(registry));
    let around = Surroundings {
        clock: run.clock,
        facts: run.facts().into(),
        bus: Arc::clone(bus),
        outlet: Arc::new(wires.clone()),
    };
    move || Supervisor::start(wanted, &registry, &around)
}

struct Conductor<'a> {
    run: &'a Run,
    registry: Arc<Registry>,
    bus: Arc<Bus>,
    live: Arc<Live>,
    wires: Wires,
    crew: Crew,
    services: Supervisor,
    phase: Option<RunningPhase>,
    /// Conversations that earlier phases have played.
    played: u64,
    /// When the run must be over; `None` once that is said.
    deadline: Option<RunNs>,
    /// In-flight requests were cancelled: somebody wants the run to end now.
    hurried: bool,
    /// A worker does not react: nobody waits for it any more.
    abandoned: bool,
}

/// What the conductor remembers of the phase that runs.
struct RunningPhase {
    index: u32,
    start_ns: RunNs,
    workers_left: usize,
    counts: ScheduleCounts,
    workers: Vec<WorkerUsage>,
    progress: Progress,
    /// When something is over, and what that means.
    timer: Option<(RunNs, Event)>,
}

impl Conductor<'_> {
    /// Runs every phase, until the last is done or the run ends before its time.
    async fn phases(&mut self, ears: &mut Ears) -> Option<Ending> {
        let graces = self.run.config.phases.iter().map(|phase| phase.grace_s.and_then(seconds)).collect();
        let (mut lifecycle, first) = Lifecycle::begin(graces, self.run.config.drain());
        if let Some(ending) = self.refused_options().or_else(|| self.lost_service()) {
            return Some(ending);
        }
        let mut actions = vec![first];
        loop {
            for action in &actions {
                if self.act(action) {
                    return lifecycle.ending().cloned();
                }
            }
            let event = match ears.next(self.timer()).await {
                Heard::Interrupt(interrupt) => {
                    if lifecycle.ending().is_none() {
                        self.tell_of_the_interrupt();
                    }
                    Some(Event::Interrupt(interrupt))
                }
                Heard::Timer => self.due(),
                Heard::Tick => self.tick(),
                Heard::Signal(signal) => self.hear(signal),
            };
            actions = event.map(|event| lifecycle.on(event)).unwrap_or_default();
        }
    }

    fn tell_of_the_interrupt(&self) {
        let Some(phase) = &self.phase else { return };
        phase.progress.warn(&format!(
            "interrupted: waiting up to {} s for requests in flight; interrupt again to stop at once",
            self.run.config.drain_s
        ));
    }

    /// The next instant at which something is due.
    fn timer(&self) -> Option<RunNs> {
        let of_phase = self.phase.as_ref().and_then(|phase| phase.timer.as_ref()).map(|(at, _)| *at);
        self.deadline.into_iter().chain(of_phase).min()
    }

    /// What is due at that instant.
    fn due(&mut self) -> Option<Event> {
        if self.deadline == self.timer() {
            self.deadline = None;
            return self.run.config.deadline().map(|time| Event::Broken(Ending::Deadline(time)));
        }
        self.phase.as_mut().and_then(|phase| phase.timer.take()).map(|(_, event)| event)
    }

    /// Obeys; true when the run is over.
    fn act(&mut self, action: &Action) -> bool {
        match action {
            Action::StartPhase(index) => self.start_phase(*index),
            Action::Drain => self.tell(Control::Drain),
            Action::Cancel => {
                self.hurried = true;
                self.tell(Control::Cancel);
                self.arm(CANCEL_PATIENCE, Event::CancelOver);
            }
            Action::ArmGrace(grace) => self.arm(*grace, Event::GraceOver),
            Action::Finish => {
                self.abandoned = self.phase.is_some();
                self.end_phase();
                return true;
            }
        }
        false
    }

    /// Sets the phase's timer. One that ends sooner and means the same stays.
    fn arm(&mut self, patience: Duration, event: Event) {
        let at = self.run.clock.now().saturating_add(as_ns(patience));
        let Some(phase) = &mut self.phase else { return };
        let stays =
            phase.timer.as_ref().is_some_and(|(running, meaning)| *meaning == event && *running <= at);
        if !stays {
            phase.timer = Some((at, event));
        }
    }

    fn start_phase(&mut self, index: usize) {
        let phase = &self.run.config.phases[index];
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        self.live.reset();
        self.wires.tally.reset();
        self.wires.refusals.reset(phase.concurrency);
        // Services that take stock at the start of a phase do it before the load.
        self.bus.send(&PhaseStarted { index: number, kind: phase.kind, at_ns: self.run.clock.now() });
        self.services.settle(SETTLE_PATIENCE);
        let start_ns = self.run.clock.now();
        self.wires.recorder.frame(Frame::PhaseStarted { index: number, kind: phase.kind, at_ns: start_ns });
        self.phase = Some(RunningPhase {
            index: number,
            start_ns,
            workers_left: active_workers(phase, self.run.config.workers),
            counts: ScheduleCounts::default(),
            workers: Vec::new(),
            progress: Progress::begin(phase, self.run.display),
            timer: phase
                .duration_s
                .and_then(seconds)
                .map(|duration| (start_ns.saturating_add(as_ns(duration)), Event::DurationOver)),
        });
        self.crew.begin(Order { phase: number, start_ns, first_conversation: self.played });
    }

    fn tell(&mut self, control: Control) {
        if self.phase.is_some() {
            self.crew.tell(control);
        }
    }

    fn tick(&mut self) -> Option<Event> {
        self.registry.put_back_surroundings();
        if let Some(phase) = &mut self.phase {
            let elapsed = Duration::from_nanos(self.run.clock.now().saturating_sub(phase.start_ns));
            phase.progress.update(&self.live, self.wires.tally.in_flight(), elapsed);
        }
        let name = self.run.config.target.endpoint_type.clone();
        let hangs = self.crew.look().map(|what| Ending::EndpointHangs { name, what });
        hangs.or_else(|| self.lost_service()).map(Event::Broken)
    }

    fn refused_options(&self) -> Option<Ending> {
        let (name, error) = self.services.refused()?;
        Some(Ending::ServiceRefused { name: name.to_owned(), message: error.message, hint: error.hint })
    }

    fn lost_service(&self) -> Option<Ending> {
        self.services.lost_required().map(Ending::ServiceLost)
    }

    fn hear(&mut self, signal: Signal) -> Option<Event> {
        match signal {
            Signal::WorkerDone(counts, usage) => {
                let phase = self.phase.as_mut()?;
                phase.counts += counts;
                phase.workers.push(*usage);
                phase.workers_left -= 1;
                (phase.workers_left == 0).then(|| {
                    self.end_phase();
                    Event::PhaseDone
                })
            }
            Signal::Poisoned => {
                let name = self.run.config.target.endpoint_type.clone();
                Some(Event::Broken(Ending::EndpointPoisoned(name)))
            }
            Signal::CrewHangs(what) => {
                let name = self.run.config.target.endpoint_type.clone();
                Some(Event::Broken(Ending::EndpointHangs { name, what }))
            }
            Signal::CrewGone(nonsense) => {
                let name = self.run.config.target.endpoint_type.clone();
                let death = self.crew.death().map(|death| nonsense.unwrap_or(death));
                death.map(|death| Event::Gone(Ending::EndpointDied { name, death }))
            }
            Signal::ServerGone(gone) => {
                let since_unix_s = self.run.clock.unix_time_s(gone.since_ns);
                let Gone { since_ns, refused, error } = gone;
                Some(Event::Leave(Ending::ServerGone { since_ns, since_unix_s, refused, error }))
            }
            Signal::WorkerLost(what) => Some(Event::Broken(Ending::WorkerLost(what))),
            Signal::StopRequested(reason) => Some(Event::StopRequested(reason)),
            Signal::JournalLost => Some(Event::Broken(Ending::JournalLost)),
        }
    }

    fn end_phase(&mut self) {
        let Some(phase) = self.phase.take() else { return };
        phase.progress.end();
        let RunningPhase { index, mut counts, workers_left, mut workers, .. } = phase;
        workers.sort_unstable_by_key(|usage| usage.worker);
        if workers_left > 0 {
            // Those who are missing have not said what they did.
            let tally = &self.wires.tally;
            counts.scheduled = counts.scheduled.max(tally.begun().saturating_add(counts.dropped));
            counts.lost = tally.in_flight();
        }
        self.played = self.played.saturating_add(counts.scheduled);
        let kind = self.run.config.phases[index as usize].kind;
        let at_ns = self.run.clock.now();
        self.wires.recorder.frame(Frame::PhaseEnded { index, at_ns, counts, workers });
        self.bus.send(&PhaseEnded { index, kind, at_ns });
    }

    /// Whether counting is waited for. A grace period that is over is no hurry of anybody's: it is the end that was asked for.
    fn hurry(&self, ending: Option<&Ending>) -> Hurry {
        if self.hurried && ending.is_some() { Hurry::Yes } else { Hurry::No }
    }

    /// Stops workers and services and says how the services fared.
    async fn end(self, ears: &mut Ears, hurry: Hurry) -> RunEnd {
        let Self { crew, services, abandoned, hurried, run, wires, .. } = self;
        if !abandoned {
            ears.unless_interrupted(move || crew.dismiss()).await;
        }
        // Services hear of every record before they are told to stop.
        let recorder = wires.recorder;
        let hurry = if ears.interrupted().is_some() { Hurry::Yes } else { hurry };
        if ears.unless_interrupted(move || recorder.settle(hurry)).await.is_none() {
            tracing::warn!("interrupted: the tokens that are not counted yet are left to `prony report`");
        }
        let hurried = hurried || ears.interrupted().is_some();
        let deadline = if hurried { HURRIED_STOP_DEADLINE } else { STOP_DEADLINE };
        let stopped = ears.unless_interrupted(move || services.stop(deadline)).await;
        let services = match stopped {
            Some(fates) => fates.into_iter().map(report).collect(),
            None => run.services.iter().map(not_waited_for).collect(),
        };
        RunEnd { services, ..RunEnd::default() }
    }
}

fn report(fate: Fate) -> ServiceReport {
    ServiceReport {
        state: if fate.error.is_some() { "failed" } else { "stopped" }.to_owned(),
        pid: fate.pid,
        error: fate.error,
        published: fate.published,
        received: fate.received,
        lost: fate.lost,
        most_waiting: fate.most_waiting,
        ..not_waited_for(&fate.wanted)
    }
}

fn not_waited_for(wanted: &Wanted) -> ServiceReport {
    let Wanted { name, required, isolated, .. } = wanted.clone();
    ServiceReport { name, required, isolated, state: "abandoned".to_owned(), ..ServiceReport::default() }
}

/// A finite, positive number of seconds.
fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}
