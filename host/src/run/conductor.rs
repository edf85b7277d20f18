//! The conductor: the one select loop of a run. It waits for events, asks [`Lifecycle`] what to do, and does it.

use std::{collections::VecDeque, path::PathBuf, sync::Arc, time::Duration};

use prony_plugin_api::message::{PhaseEnded, PhaseStarted};
use tokio::sync::mpsc::unbounded_channel;

use super::{
    channels::{Channels, Signal},
    collecting::{self, Collected},
    ending::Ending,
    event_source::{EventSource, Wakeup},
    failed_share::TooManyFailed,
    hooks::{
        Limit,
        around::{Around, after_run},
    },
    lifecycle::{Action, Drain, Event, Lifecycle},
    now::{PhaseAt, Sources, Teller, snapshot},
    observer::Observer,
    recording::Hearing,
    running_phase::RunningPhase,
    saturation::Saturation,
    service_reports,
    setup::Run,
    usage,
    watch::Watch,
};
use crate::{
    clock::{RunNs, as_ns},
    node::{
        Fleet, LoadedEndpoint, LostNode, NodeError, PhaseStart, Work,
        early_end::{EarlyEnd, Failures},
    },
    plan::OnLoss,
    plugin::Registry,
    record::{
        Frame, RunEnd,
        journal::JournalError,
        live::Live,
        recorder::{CountingWait, RecorderError},
    },
    request::worker::{AllStarted, Control},
    schedule::division::Division,
    service::{
        bus::Bus,
        supervisor::{ServiceContext, Supervisor},
    },
};

/// How long cancelled requests may take to be over.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a service may hold up the start of a phase.
const SETTLE_TIMEOUT: Duration = Duration::from_millis(250);

/// How long after it is announced a phase with a schedule begins: requests that are due at its first instant are formatted by
/// then.
const START_AHEAD: Duration = Duration::from_millis(20);

/// How long the last of the journal may take to be written when the end is wanted at once. Nothing of it is waited for but the
/// disk.
const JOURNAL_TIMEOUT: Duration = Duration::from_secs(2);

/// How long services may take to flush at most, and when the end is wanted at once.
const STOP_DEADLINE: Duration = Duration::from_secs(5);
const SHORT_STOP_DEADLINE: Duration = Duration::from_millis(300);

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
    Node(#[from] NodeError),
    /// The runtime or the signal handlers.
    #[error("start the run's event loop")]
    EventLoop(#[source] std::io::Error),
}

/// Conducts a run from its first phase to the last frame of its journal. What was measured is in the journal then,
/// whatever is returned.
///
/// # Errors
/// The run could not start, or its journal could not be written to the end.
pub(super) fn conduct(
    run: &Run,
    endpoint: LoadedEndpoint,
    registry: &Arc<Registry>,
    observer: &mut dyn Observer,
) -> Result<Option<Ending>, RunError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::EventLoop)?;
    runtime.block_on(conduct_in_loop(run, endpoint, registry, observer))
}

async fn conduct_in_loop(
    run: &Run,
    endpoint: LoadedEndpoint,
    registry: &Arc<Registry>,
    observer: &mut dyn Observer,
) -> Result<Option<Ending>, RunError> {
    let (signals, said) = unbounded_channel();
    let mut events = EventSource::new(run.clock, said).map_err(RunError::EventLoop)?;
    registry.note_signal_handlers();
    let (bus, live) = (Arc::new(Bus::default()), Arc::new(Live::default()));
    let watch = Arc::new(Watch::new(run.clock, run.plan.target.use_server_token_count));
    let heard = Hearing { bus: Arc::clone(&bus), live: Arc::clone(&live), listener: Arc::clone(&watch) };
    let recorder = heard.start(run, signals.clone())?;
    let channels = Channels::of(run.plan.phases.len(), recorder.handle(), signals, watch, Arc::clone(&live));
    let mut fleet = endpoint.start(&work(run), &channels)?;
    channels.watch.set_agents(fleet.names(), observer);
    let (services, wait_until_ready) = (start_services(run, registry, &bus, &channels), fleet.readiness());
    let services = move || {
        let started = services();
        wait_until_ready();
        started
    };
    for mark in &run.marks {
        channels.recorder.frame(Frame::Mark(mark.clone()));
    }
    let (ending, AfterLoad { end, is_hurried, collected }) = match events.unless_interrupted(services).await {
        None => {
            // Agents are let go, if the user waits so long.
            events.unless_interrupted(move || fleet.abandon()).await;
            let services = run.services.iter().map(service_reports::not_waited_for).collect();
            let end = RunEnd { services, ..RunEnd::default() };
            (Some(events.ending()), AfterLoad { end, is_hurried: false, collected: Vec::new() })
        }
        Some(services) => {
            let mut conductor = Conductor {
                run,
                observer: &mut *observer,
                registry: Arc::clone(registry),
                bus,
                live,
                channels: channels.clone(),
                fleet,
                services,
                running: Vec::new(),
                played: 0,
                saturation: Saturation::default(),
                teller: Teller::default(),
                deadline: run.plan.deadline().map(as_ns),
                requests_cancelled: false,
                abandoned: false,
                around: Around::new(&run.hooks, run.clock, channels.clone()),
            };
            let ending = conductor.phases(&mut events).await;
            let wait = conductor.counting_wait(ending.as_ref());
            (ending, conductor.end(&mut events, wait).await)
        }
    };
    registry.restore_process_state();
    // An interrupt during that wait ends the run as well.
    let ending = ending.or_else(|| events.interrupted());
    let most = if is_hurried { Limit::last() } else { Limit::after_load(run.plan.deadline(), run.clock) };
    let note = after_run(&run.hooks, ending.as_ref(), most, &mut events, &channels, observer).await;
    let ending = ending.or_else(|| events.interrupted());
    let notes = end.notes.into_iter().chain(note);
    let end = RunEnd {
        at_ns: run.clock.now(),
        was_cancelled: ending.is_some(),
        reason: ending.as_ref().map(Ending::reason).or(end.reason),
        plugins: registry.used(&run.wanted_plugins()),
        usage: Some(usage::since(run.used_before)),
        notes: notes.chain(registry.notes()).chain(channels.recorder.notes()).collect(),
        services: end.services,
    };
    match events.despite_interrupts(JOURNAL_TIMEOUT, move || recorder.end(Frame::End(end))).await {
        Some(kept) => {
            kept?;
            collecting::remove(&collected);
            Ok(ending)
        }
        None => Ok(Some(events.ending())),
    }
}

fn work(run: &Run) -> Work<'_> {
    Work {
        plan: &run.plan,
        clock: run.clock,
        target: &run.target,
        source: &run.source,
        division: Division::whole(u32::try_from(run.plan.workers).unwrap_or(u32::MAX)),
        header: &run.header,
        dir: &run.dir,
    }
}

fn start_services(
    run: &Run,
    registry: &Arc<Registry>,
    bus: &Arc<Bus>,
    channels: &Channels,
) -> impl FnOnce() -> Supervisor + Send + 'static {
    let (wanted, registry) = (run.services.clone(), Arc::clone(registry));
    let around = ServiceContext {
        clock: run.clock,
        facts: run.facts().into(),
        bus: Arc::clone(bus),
        sink: Arc::new(channels.clone()),
    };
    move || Supervisor::start(wanted, &registry, &around)
}

struct Conductor<'a> {
    run: &'a Run,
    observer: &'a mut dyn Observer,
    registry: Arc<Registry>,
    bus: Arc<Bus>,
    live: Arc<Live>,
    channels: Channels,
    fleet: Fleet,
    services: Supervisor,
    /// The phases that go on, in their order: the latest one, and what others that handed over have in flight.
    running: Vec<RunningPhase>,
    /// Scripts that earlier phases have played.
    played: u64,
    /// Whether the server keeps up, if the run is to end where it does not.
    saturation: Saturation,
    /// Tells what is known.
    teller: Teller,
    /// When the run must be over; `None` once that is said.
    deadline: Option<RunNs>,
    /// In-flight requests were cancelled: a signal asks the run to end now.
    requests_cancelled: bool,
    /// A worker does not react: it is not waited for any more.
    abandoned: bool,
    /// What is done before or after a phase.
    around: Around<'a>,
}

impl Conductor<'_> {
    /// Runs every phase, until the last is done or the run ends before its time.
    async fn phases(&mut self, events: &mut EventSource) -> Option<Ending> {
        let drains = self.run.plan.phases.iter().map(|phase| Drain {
            grace: phase.stop.grace(),
            early: phase.drain(),
            hands_over: phase.hands_over,
        });
        let (mut lifecycle, first) = Lifecycle::begin(drains.collect());
        if let Some(ending) = self.refused_options().or_else(|| self.lost_service()) {
            return Some(ending);
        }
        self.observer.hears_interrupts(true);
        let mut actions = VecDeque::from([first]);
        loop {
            while let Some(action) = actions.pop_front() {
                if action == Action::Finish {
                    return lifecycle.ending().cloned();
                }
                actions.extend(self.act(&action).into_iter().flat_map(|event| lifecycle.on(event)));
            }
            let event = match events.next(self.timer()).await {
                Wakeup::Interrupt(interrupt) => {
                    if lifecycle.ending().is_none() {
                        self.tell_of_the_interrupt();
                    } else {
                        self.around.hurry();
                    }
                    Some(Event::Interrupt(interrupt))
                }
                Wakeup::Timer => self.due(),
                Wakeup::Tick => self.tick(),
                Wakeup::Signal(signal) => self.on_signal(signal),
            };
            actions.extend(event.into_iter().flat_map(|event| lifecycle.on(event)));
        }
    }

    fn tell_of_the_interrupt(&mut self) {
        if let Some(phase) = self.running.last() {
            self.observer.notice(&format!(
                "interrupted: waiting up to {} s for requests in flight; interrupt again to stop at once",
                self.run.plan.phases[phase.index as usize].drain_s
            ));
        }
    }

    /// The next instant at which something is due.
    fn timer(&self) -> Option<RunNs> {
        let of_phases = self.running.iter().filter_map(|phase| phase.timer.as_ref()).map(|(at, _)| *at);
        self.deadline.into_iter().chain(self.around.ends_at()).chain(of_phases).min()
    }

    /// What is due at that instant.
    fn due(&mut self) -> Option<Event> {
        let timer = self.timer()?;
        if self.deadline == Some(timer) {
            self.deadline = None;
            self.around.is_late();
            return self.run.plan.deadline().map(|time| Event::Broken(Ending::Deadline(time)));
        }
        if self.around.ends_at() == Some(timer) {
            self.around.end_late();
            return None;
        }
        let is_due = |phase: &&mut RunningPhase| phase.timer.as_ref().is_some_and(|(at, _)| *at == timer);
        self.running.iter_mut().find(is_due).and_then(|phase| phase.timer.take()).map(|(_, event)| event)
    }

    /// Does it. What that means, where it is over at once.
    fn act(&mut self, action: &Action) -> Option<Event> {
        let run = self.run;
        match action {
            Action::Before(index) => return self.around.before(&run.plan.phases[*index..]),
            Action::StartPhase(index) => self.start_phase(*index),
            Action::After(index) => return self.around.after(&run.plan.phases[*index]),
            Action::StopStep(reason) => self.around.stop(*reason),
            Action::Drain(phase) => self.tell(*phase, Control::Drain),
            Action::Cancel(phase) => {
                self.requests_cancelled = true;
                self.tell(*phase, Control::Cancel);
                self.arm(*phase, CANCEL_TIMEOUT + self.fleet.extra_timeout(), Event::CancelOver(*phase));
            }
            Action::ArmGrace(phase, grace) => self.arm(*phase, *grace, Event::GraceOver(*phase)),
            Action::Abandon => {
                self.abandoned = !self.running.is_empty();
                while !self.running.is_empty() {
                    self.end_phase(0);
                }
            }
            // The caller ends the loop.
            Action::Finish => {}
        }
        None
    }

    /// Sets a phase's timer. One that ends sooner and means the same stays.
    fn arm(&mut self, phase: usize, timeout: Duration, event: Event) {
        let at = self.run.clock.now().saturating_add(as_ns(timeout));
        let Some(phase) = self.running.iter_mut().find(|running| running.index as usize == phase) else {
            return;
        };
        let stays =
            phase.timer.as_ref().is_some_and(|(running, meaning)| *meaning == event && *running <= at);
        if !stays {
            phase.timer = Some((at, event));
        }
    }

    fn start_phase(&mut self, index: usize) {
        let phase = &self.run.plan.phases[index];
        let number = phase.id;
        self.live.reset(number);
        self.channels.refusals.reset(phase.load.most_in_flight());
        self.channels.failed_share.begin(phase);
        if self.run.ends_saturated {
            self.saturation = Saturation::of(phase);
        }
        self.bus.send(&PhaseStarted { index: number, kind: phase.role.kind(), at_ns: self.run.clock.now() });
        let start_ns = match self.running.last() {
            None => {
                // Services that take stock at the start of a phase do it before the load.
                self.services.settle(SETTLE_TIMEOUT);
                let ahead = if phase.load.is_open() { START_AHEAD } else { Duration::ZERO };
                self.run.clock.now().saturating_add(as_ns(ahead.max(self.fleet.start_ahead())))
            }
            // There is no gap in the load.
            Some(before) => {
                self.observer.phase_ended();
                let announced = self.run.clock.now().saturating_add(as_ns(self.fleet.start_ahead()));
                announced.max(before.hands_over_at.unwrap_or(0))
            }
        };
        self.channels.recorder.frame(Frame::PhaseStarted {
            index: number,
            kind: phase.role.kind(),
            at_ns: start_ns,
        });
        let workers = self.fleet.active_workers(phase);
        let ends = phase.stop.duration().map(|duration| start_ns.saturating_add(as_ns(duration)));
        let timer = ends.map(|at| (at, Event::DurationOver(index)));
        self.running.push(RunningPhase::begin(number, start_ns, workers, timer));
        self.around.phase_begins();
        self.observer.phase_started(phase);
        let at = PhaseAt { index: number, start_ns, is_over: false };
        let sources = sources(self.run, &self.live, &self.channels, &self.bus);
        self.teller.begin(&sources, at, self.observer);
        self.fleet.begin(PhaseStart { phase: number, start_ns, first_script: self.played, lease: None });
    }

    fn tell(&mut self, phase: usize, control: Control) {
        if let Some(phase) = self.running.iter().find(|running| running.index as usize == phase) {
            self.fleet.control(phase.index, control);
        }
    }

    fn tick(&mut self) -> Option<Event> {
        self.registry.restore_process_state();
        if let Some(phase) = self.running.last() {
            let elapsed = Duration::from_nanos(self.run.clock.now().saturating_sub(phase.start_ns));
            let look = self.channels.tally.look(phase.index);
            let in_flight = self.channels.tally.in_flight(phase.index);
            self.observer.snapshot(&snapshot(&self.live, in_flight, elapsed));
            let at = PhaseAt { index: phase.index, start_ns: phase.start_ns, is_over: false };
            let sources = sources(self.run, &self.live, &self.channels, &self.bus);
            self.teller.tell(&sources, at, self.observer);
            if let Some(ending) = self.saturation.note(elapsed, look) {
                return Some(Event::Leave(ending));
            }
        }
        if let Some(lost) = self.fleet.newly_lost() {
            return self.lose(lost);
        }
        if let Some(at) = self.running.iter().position(RunningPhase::is_over) {
            let number = self.running[at].index;
            self.end_phase(at);
            return Some(Event::PhaseDone(number as usize));
        }
        let name = self.run.plan.target.endpoint_type.clone();
        let hangs = self.fleet.look().map(|what| Ending::EndpointHangs { name, what });
        hangs.or_else(|| self.lost_service()).map(Event::Broken)
    }

    fn refused_options(&self) -> Option<Ending> {
        let (name, error) = self.services.refused()?;
        Some(Ending::ServiceRefused { name: name.to_owned(), message: error.message, hint: error.hint })
    }

    fn lost_service(&self) -> Option<Ending> {
        self.services.lost_required().map(Ending::ServiceLost)
    }

    fn on_signal(&mut self, signal: Signal) -> Option<Event> {
        match signal {
            Signal::AllStarted(number, started) => self.all_started(number, started),
            // The only node counts, and asks nobody.
            Signal::WantsNumbers(..) => None,
            Signal::WorkerDone(number, counts, usage) => {
                // One that comes late, from a phase that was not waited for, says nothing of the others.
                let at = self.running.iter().position(|phase| phase.index == number)?;
                let phase = &mut self.running[at];
                phase.done(counts, *usage);
                phase.is_over().then(|| {
                    self.end_phase(at);
                    Event::PhaseDone(number as usize)
                })
            }
            Signal::StepOver(done) => self.around.over(*done, self.observer),
            Signal::Said(text) => {
                self.observer.said(&text);
                None
            }
            Signal::Remark(text) => {
                self.observer.notice(&text);
                None
            }
            Signal::Poisoned => {
                let name = self.run.plan.target.endpoint_type.clone();
                Some(Event::Broken(Ending::EndpointPoisoned(name)))
            }
            Signal::NodeHangs(what) => {
                let name = self.run.plan.target.endpoint_type.clone();
                Some(Event::Broken(Ending::EndpointHangs { name, what }))
            }
            Signal::NodeGone(node, nonsense) => {
                let name = self.run.plan.target.endpoint_type.clone();
                let death = self.fleet.death(node).map(|death| nonsense.unwrap_or(death));
                death.map(|death| Event::Gone(Ending::EndpointDied { name, death }))
            }
            Signal::EndsEarly(EarlyEnd::Gone(Failures { since_ns, count, error })) => {
                let since_unix_s = self.run.clock.unix_time_s(since_ns);
                Some(Event::Leave(Ending::ServerGone { since_ns, since_unix_s, refused: count, error }))
            }
            Signal::EndsEarly(EarlyEnd::Unformatted(Failures { count, error, .. })) => {
                Some(Event::Leave(Ending::Unformatted { refused: count, error }))
            }
            Signal::TooManyFailed(TooManyFailed { failed, ended, most }) => {
                Some(Event::Leave(Ending::TooManyFailed { failed, ended, most: most.to_string() }))
            }
            Signal::WorkerLost(what) => Some(Event::Broken(Ending::WorkerLost(what))),
            Signal::StopRequested(reason) => Some(Event::StopRequested(reason)),
            Signal::JournalLost => Some(Event::Broken(Ending::JournalLost)),
        }
    }

    /// An agent is lost: its part of the phases that go on is not waited for. That ends the run, or is said and nothing more.
    fn lose(&mut self, lost: LostNode) -> Option<Event> {
        let LostNode { name, node, workers, loss } = lost;
        self.channels.watch.lose_agent(node);
        for phase in &mut self.running {
            let active = self.run.plan.phases.get(phase.index as usize);
            phase.lose(&workers, active.map_or(0, |planned| self.fleet.active_workers_of(node, planned)));
        }
        let how = loss.says();
        self.observer.notice(&format!("the agent `{name}` {how}"));
        let goes_on = self.run.plan.agents.as_ref().is_some_and(|agents| agents.on_loss == OnLoss::Continue);
        // Nobody knows how many sessions of a phase that hands over it has started.
        let hands_over = |phase: &RunningPhase| self.run.plan.phases[phase.index as usize].hands_over;
        let ends = !goes_on || !self.fleet.is_any_left() || self.running.iter().any(hands_over);
        ends.then_some(Event::Leave(Ending::AgentLost { name, how }))
    }

    /// A worker has started all of its sessions of a phase that hands over; the last one ends it.
    fn all_started(&mut self, number: u32, AllStarted { sessions, by_time }: AllStarted) -> Option<Event> {
        let duration = self.run.plan.phases.get(number as usize)?.stop.duration();
        let phase = self.running.iter_mut().find(|phase| phase.index == number)?;
        phase.started += sessions;
        phase.workers_starting = phase.workers_starting.saturating_sub(1);
        let ends_at = duration.map(|duration| phase.start_ns.saturating_add(as_ns(duration)));
        phase.hands_over_at = phase.hands_over_at.or(ends_at.filter(|_| by_time));
        if phase.workers_starting > 0 {
            return None;
        }
        phase.is_counted = true;
        self.played = self.played.saturating_add(phase.started.max(self.fleet.given(number)));
        Some(Event::AllStarted(number as usize))
    }

    /// Ends the phase at this place among those that run.
    fn end_phase(&mut self, at: usize) {
        let is_latest = at + 1 == self.running.len();
        let phase = self.running.remove(at);
        let is_short = phase.is_short();
        let RunningPhase { index, start_ns, mut counts, mut workers, is_counted, .. } = phase;
        if is_latest {
            let sources = sources(self.run, &self.live, &self.channels, &self.bus);
            self.teller.tell(&sources, PhaseAt { index, start_ns, is_over: true }, self.observer);
            self.observer.phase_ended();
        }
        workers.sort_unstable_by_key(|usage| usage.worker);
        if is_short {
            counts = self.channels.tally.with_lost(index, counts);
        }
        if !is_counted {
            // Numbers that were given and not started are not given again.
            self.played = self.played.saturating_add(counts.sessions.max(self.fleet.given(index)));
        }
        let kind = self.run.plan.phases[index as usize].role.kind();
        let at_ns = self.run.clock.now();
        self.channels.recorder.frame(Frame::PhaseEnded { index, at_ns, counts, workers });
        self.bus.send(&PhaseEnded { index, kind, at_ns });
    }

    /// Whether counting is waited for. A grace period that is over does not shorten it: it is the end that was asked for.
    fn counting_wait(&self, ending: Option<&Ending>) -> CountingWait {
        if self.requests_cancelled && ending.is_some() { CountingWait::Short } else { CountingWait::Full }
    }

    /// Stops workers and services, has what agents have measured brought here, and says how the services fared.
    async fn end(self, events: &mut EventSource, wait: CountingWait) -> AfterLoad {
        let Self { fleet, services, abandoned, requests_cancelled, run, channels, around, .. } = self;
        let is_of_agents = fleet.is_of_agents();
        let dismiss = move || if abandoned { fleet.abandon() } else { fleet.dismiss() };
        let dismissed = events.unless_interrupted(dismiss).await;
        // Services hear of every record before they are told to stop.
        let (recorder, merging) = (channels.recorder.clone(), channels.recorder);
        let wait = if events.interrupted().is_some() { CountingWait::Short } else { wait };
        if events.unless_interrupted(move || recorder.settle(wait)).await.is_none() {
            tracing::warn!("interrupted: the tokens that are not counted yet are left to `prony report`");
        }
        let merged = match dismissed {
            Some(journals) => collecting::merge(&merging, journals, events).await,
            None => Collected::not_waited_for(is_of_agents),
        };
        let requests_cancelled = requests_cancelled || events.interrupted().is_some();
        let deadline = if requests_cancelled { SHORT_STOP_DEADLINE } else { STOP_DEADLINE };
        let stopped = events.unless_interrupted(move || services.stop(deadline)).await;
        let services = match stopped {
            Some(ends) => ends.into_iter().map(service_reports::report).collect(),
            None => run.services.iter().map(service_reports::not_waited_for).collect(),
        };
        let (notes, is_hurried) = around.into_notes();
        let notes = notes.into_iter().chain(merged.notes).collect();
        let end = RunEnd { services, notes, reason: merged.reason, ..RunEnd::default() };
        AfterLoad { end, is_hurried, collected: merged.folders }
    }
}

/// What is known when the load is over, and what agents have measured is in the journal.
struct AfterLoad {
    /// What the journal's end says of it.
    end: RunEnd,
    /// The end is wanted now.
    is_hurried: bool,
    /// Folders of agents, all of which is in the journal.
    collected: Vec<PathBuf>,
}

fn sources<'a>(run: &'a Run, live: &'a Live, channels: &'a Channels, bus: &'a Bus) -> Sources<'a> {
    Sources { run, live, tally: &channels.tally, watch: &channels.watch, bus }
}
