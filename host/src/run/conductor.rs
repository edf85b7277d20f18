//! The conductor: the one select loop of a run. It hears, asks [`Lifecycle`] what to do, and does it.

use std::{sync::Arc, time::Duration};

use prony_plugin_api::message::{PhaseEnded, PhaseStarted};
use tokio::{
    signal::unix::{Signal as UnixSignal, SignalKind, signal},
    sync::{
        mpsc::{UnboundedReceiver, unbounded_channel},
        watch,
    },
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    lifecycle::{Action, Ending, Event, Lifecycle},
    progress::Progress,
    setup::Run,
    wiring::{Signal, Wires},
};
use crate::{
    clock::{Clock, RunNs, as_ns},
    config::PhaseConfig,
    plugin::Registry,
    record::{
        Frame, RunEnd, ServiceReport,
        journal::JournalError,
        recorder::{Keeping, Live, Recorder},
    },
    request::worker::{Assignment, Control, Equipment, Worker, WorkerError},
    schedule::{
        PhaseCounts,
        credits::{Credits, Place, Pool},
        pacer::Pacer,
    },
    seed::Seed,
    service::{
        bus::Bus,
        supervisor::{Fate, Supervisor, Surroundings},
    },
};

/// Between two looks at services and redraws of the progress line.
const TICK: Duration = Duration::from_millis(100);

/// How long a service may hold up the start of a phase.
const SETTLE_PATIENCE: Duration = Duration::from_millis(250);

/// How long services may take to flush when the user is not in a hurry, and when he is.
const STOP_DEADLINE: Duration = Duration::from_secs(5);
const HURRIED_STOP_DEADLINE: Duration = Duration::from_millis(300);

/// Why a run could not be made, or not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A worker.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The runtime or the signal handlers.
    #[error("start the run's event loop")]
    EventLoop(#[source] std::io::Error),
}

/// Conducts a run from its first phase to the last frame of its journal. What was measured is in the journal then,
/// whatever is returned.
///
/// # Errors
/// The run could not start, or its journal could not be written to the end.
pub(crate) fn conduct(run: &Run, registry: &Registry) -> Result<Option<Ending>, RunError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::EventLoop)?;
    runtime.block_on(async {
        // First: from here on an interrupt is an event and not the end of the process.
        let ears = Ears::new(run.clock).map_err(RunError::EventLoop)?;
        let (signals, heard) = unbounded_channel();
        let bus = Arc::new(Bus::default());
        let live = Arc::new(Live::default());
        let lost = signals.clone();
        let recorder = Recorder::start(
            &run.dir,
            &Frame::Header(Box::new(run.header.clone())),
            Keeping {
                dataset: Arc::clone(&run.dataset),
                tokenizer: run.tokenizer.clone(),
                keep_outputs: run.config.export_outputs,
                phases: run.config.phases.iter().map(|phase| phase.kind).collect(),
                bus: Arc::clone(&bus),
                live: Arc::clone(&live),
            },
            move || drop(lost.send(Signal::JournalLost)),
        )?;
        let wires = Wires { recorder: recorder.handle(), signals };
        let workers = start_workers(run, &wires)?;
        let around = Surroundings {
            clock: run.clock,
            facts: run.facts().into(),
            bus: Arc::clone(&bus),
            outlet: Arc::new(wires.clone()),
        };
        let services = Supervisor::start(run.services.clone(), registry, &around);
        let mut conductor =
            Conductor { run, bus, live, wires, workers, services, phase: None, hurried: false };
        let ending = match conductor.lost_service() {
            Some(ending) => Some(ending),
            None => conductor.phases(ears, heard).await,
        };
        let end = conductor.end(ending.as_ref(), registry.notes());
        recorder.end(Frame::End(end))?;
        Ok(ending)
    })
}

fn start_workers(run: &Run, wires: &Wires) -> Result<Vec<Worker>, WorkerError> {
    let equipment = Equipment {
        clock: run.clock,
        endpoint: run.endpoint.clone(),
        target: Arc::clone(&run.target),
        dataset: Arc::clone(&run.dataset),
        sink: wires.clone(),
    };
    let count = u32::try_from(run.config.workers).unwrap_or(u32::MAX);
    (0..count).map(|number| Worker::start(number, equipment.clone())).collect()
}

struct Conductor<'a> {
    run: &'a Run,
    bus: Arc<Bus>,
    live: Arc<Live>,
    wires: Wires,
    workers: Vec<Worker>,
    services: Supervisor,
    phase: Option<RunningPhase>,
    /// In-flight requests were cancelled: somebody wants the run to end now.
    hurried: bool,
}

/// What the conductor remembers of the phase that runs.
struct RunningPhase {
    index: u32,
    start_ns: RunNs,
    control: watch::Sender<Control>,
    workers_left: usize,
    counts: PhaseCounts,
    progress: Progress,
    /// When the duration or the grace period is over, and what that means.
    timer: Option<(RunNs, Event)>,
}

impl Conductor<'_> {
    /// Runs every phase, until the last is done or the run ends before its time.
    async fn phases(&mut self, mut ears: Ears, mut heard: UnboundedReceiver<Signal>) -> Option<Ending> {
        let graces = self.run.config.phases.iter().map(|phase| phase.grace_s.and_then(seconds)).collect();
        let (mut lifecycle, first) = Lifecycle::begin(graces);
        let mut actions = vec![first];
        loop {
            for action in &actions {
                if self.act(action) {
                    return lifecycle.ending().cloned();
                }
            }
            let timer = self.phase.as_ref().and_then(|phase| phase.timer.clone());
            let event = match ears.next(&mut heard, timer.as_ref().map(|(at, _)| *at)).await {
                Heard::Interrupt => {
                    if lifecycle.ending().is_none() {
                        tracing::warn!(
                            "interrupted: draining what is in flight; interrupt again to stop at once"
                        );
                    }
                    Some(Event::Interrupt)
                }
                Heard::Timer => {
                    self.phase.as_mut().and_then(|phase| phase.timer.take()).map(|(_, event)| event)
                }
                Heard::Tick => self.tick(),
                Heard::Signal(signal) => self.hear(signal),
            };
            actions = event.map(|event| lifecycle.on(event)).unwrap_or_default();
        }
    }

    /// Obeys; true when the run is over.
    fn act(&mut self, action: &Action) -> bool {
        match action {
            Action::StartPhase(index) => self.start_phase(*index),
            Action::Drain => self.tell(Control::Drain),
            Action::Cancel => {
                self.hurried = true;
                self.tell(Control::Cancel);
            }
            Action::ArmGrace(grace) => {
                let at = self.run.clock.now() + as_ns(*grace);
                if let Some(phase) = &mut self.phase {
                    phase.timer = Some((at, Event::GraceOver));
                }
            }
            Action::Finish => return true,
        }
        false
    }

    fn start_phase(&mut self, index: usize) {
        let phase = &self.run.config.phases[index];
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let (control, watching) = watch::channel(Control::Run);
        let pool = Arc::new(Pool::default());
        let seed = Seed::new(self.run.config.random_seed);
        let active = active_workers(phase, self.workers.len());
        self.live.reset();
        // Services that take stock at the start of a phase do it before the load.
        self.bus.send(&PhaseStarted { index: number, kind: phase.kind, at_ns: self.run.clock.now() });
        self.services.settle(SETTLE_PATIENCE);
        let start_ns = self.run.clock.now();
        self.wires.recorder.frame(Frame::PhaseStarted { index: number, kind: phase.kind, at_ns: start_ns });
        for (worker, desk) in self.workers.iter().take(active).enumerate() {
            let place = Place { worker: worker as u64, workers: active as u64 };
            desk.assign(Assignment {
                phase: number,
                start_ns,
                credits: Credits::new(phase, seed, place, &pool),
                slots: phase.concurrency.map(|slots| share(slots, worker, active)),
                control: watching.clone(),
            });
        }
        self.phase = Some(RunningPhase {
            index: number,
            start_ns,
            control,
            workers_left: active,
            counts: PhaseCounts::default(),
            progress: Progress::begin(phase, self.run.show_progress),
            timer: phase
                .duration_s
                .and_then(seconds)
                .map(|duration| (start_ns + as_ns(duration), Event::DurationOver)),
        });
    }

    fn tell(&self, control: Control) {
        if let Some(phase) = &self.phase {
            phase.control.send_replace(control);
        }
    }

    fn tick(&self) -> Option<Event> {
        if let Some(phase) = &self.phase {
            let elapsed = Duration::from_nanos(self.run.clock.now().saturating_sub(phase.start_ns));
            phase.progress.update(&self.live, elapsed);
        }
        self.lost_service().map(Event::Broken)
    }

    fn lost_service(&self) -> Option<Ending> {
        self.services.lost_required().map(|error| Ending::ServiceLost(error.message))
    }

    fn hear(&mut self, signal: Signal) -> Option<Event> {
        match signal {
            Signal::WorkerDone(counts) => {
                let phase = self.phase.as_mut()?;
                phase.counts += counts;
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
            Signal::StopRequested(reason) => Some(Event::StopRequested(reason)),
            Signal::JournalLost => Some(Event::Broken(Ending::JournalLost)),
        }
    }

    fn end_phase(&mut self) {
        let Some(phase) = self.phase.take() else { return };
        phase.progress.end();
        let RunningPhase { index, counts, .. } = phase;
        let kind = self.run.config.phases[index as usize].kind;
        let at_ns = self.run.clock.now();
        self.wires.recorder.frame(Frame::PhaseEnded { index, at_ns, counts });
        self.bus.send(&PhaseEnded { index, kind, at_ns });
    }

    /// Stops workers and services and says how the run went.
    fn end(self, ending: Option<&Ending>, notes: Vec<String>) -> RunEnd {
        self.workers.into_iter().for_each(Worker::join);
        let deadline = if self.hurried { HURRIED_STOP_DEADLINE } else { STOP_DEADLINE };
        let services = self.services.stop(deadline).into_iter().map(report).collect();
        RunEnd {
            at_ns: self.run.clock.now(),
            was_cancelled: ending.is_some(),
            reason: ending.map(Ending::reason),
            services,
            notes,
        }
    }
}

fn report(fate: Fate) -> ServiceReport {
    ServiceReport {
        name: fate.name,
        required: fate.required,
        state: if fate.error.is_some() { "failed" } else { "stopped" }.to_owned(),
        error: fate.error,
        published: fate.published,
        received: fate.received,
        lost: fate.lost,
    }
}

/// Workers that take part in a phase: with fewer slots than workers, some have nothing to do.
fn active_workers(phase: &PhaseConfig, workers: usize) -> usize {
    phase.concurrency.map_or(workers, |slots| slots.clamp(1, workers))
}

/// Slots of one worker: as even as it goes, the first ones taking what is left over.
fn share(slots: usize, worker: usize, workers: usize) -> usize {
    slots / workers + usize::from(worker < slots % workers)
}

/// A finite, positive number of seconds.
fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// What can wake the conductor.
struct Ears {
    pacer: Pacer,
    interrupt: UnixSignal,
    terminate: UnixSignal,
    tick: Interval,
}

enum Heard {
    Interrupt,
    Timer,
    Tick,
    Signal(Signal),
}

impl Ears {
    fn new(clock: Clock) -> std::io::Result<Self> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Ok(Self {
            pacer: Pacer::new(clock),
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            tick,
        })
    }

    async fn next(&mut self, heard: &mut UnboundedReceiver<Signal>, timer: Option<RunNs>) -> Heard {
        let timer = async {
            match timer {
                Some(at) => self.pacer.wait_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Heard::Interrupt,
            _ = self.terminate.recv() => Heard::Interrupt,
            Some(signal) = heard.recv() => Heard::Signal(signal),
            () = timer => Heard::Timer,
            _ = self.tick.tick() => Heard::Tick,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_shared_without_loss() {
        for (slots, workers) in [(1, 1), (7, 3), (8, 3), (3, 3), (1000, 7)] {
            let shares: Vec<usize> = (0..workers).map(|worker| share(slots, worker, workers)).collect();
            assert_eq!(shares.iter().sum::<usize>(), slots);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }
}
