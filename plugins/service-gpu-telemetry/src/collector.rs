//! The thread that asks: exports [`Collector`] and the [`Command`]s it obeys.

use std::{
    collections::VecDeque,
    panic::resume_unwind,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use prony_plugin_api::{
    HostHandle, LogLevel, PublishError,
    telemetry::{GpuTelemetryBatch, GpuTelemetrySample},
};

use crate::{
    TARGET,
    options::{Nvml, Options},
    source::Source,
};

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Find out which sources there are, and say when that is over.
    Search(SyncSender<()>),
    /// Ask now, say so, and then at every interval.
    PhaseStarted(SyncSender<()>),
    /// Ask now, and then no more.
    PhaseEnded,
    /// Publish what is left until this instant of the run, and end.
    Stop {
        /// Nanoseconds since the run's start.
        deadline_ns: u64,
    },
}

/// How long a full bus is left alone while the service stops.
const RETRY: Duration = Duration::from_millis(10);

/// Batches that may wait while the bus is full: a minute of them at the usual interval.
const CAPACITY: usize = 180;

/// Asks sources in the rhythm of the run's phases.
#[derive(Debug)]
pub(crate) struct Collector {
    host: HostHandle,
    sources: Vec<Source>,
    guesses: Vec<String>,
    nvml: Nvml,
    nvml_library: String,
    interval_ns: u64,
    waiting: VecDeque<GpuTelemetryBatch>,
}

impl Collector {
    /// One that has not begun.
    pub(crate) fn new(host: HostHandle, options: &Options) -> Self {
        Self {
            host,
            sources: options.urls.iter().map(|url| Source::page(url)).collect(),
            guesses: options.guesses.clone(),
            nvml: options.nvml,
            nvml_library: options.nvml_library.clone(),
            interval_ns: options.interval_ms.saturating_mul(1_000_000),
            waiting: VecDeque::new(),
        }
    }

    /// Works until it is told to stop, or nobody is left to tell it.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut next_tick = None;
        loop {
            match self.next(commands, next_tick) {
                Ok(Command::Search(searched)) => {
                    self.search();
                    // A host that ends at once does not wait for it.
                    let _ = searched.send(());
                }
                Ok(Command::PhaseStarted(read)) => {
                    next_tick = Some(self.host.now_ns().saturating_add(self.interval_ns));
                    self.sources.iter_mut().for_each(Source::begin_phase);
                    self.read();
                    let _ = read.send(());
                }
                Ok(Command::PhaseEnded) => {
                    next_tick = None;
                    self.read();
                }
                Ok(Command::Stop { deadline_ns }) => return self.publish_rest(commands, deadline_ns),
                Err(RecvTimeoutError::Timeout) => {
                    self.read();
                    next_tick = next_tick.map(|tick| self.tick_after(tick));
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// The next command, or `Timeout` when it is time to ask.
    fn next(&self, commands: &Receiver<Command>, tick: Option<u64>) -> Result<Command, RecvTimeoutError> {
        match tick {
            None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(tick) => {
                commands.recv_timeout(Duration::from_nanos(tick.saturating_sub(self.host.now_ns())))
            }
        }
    }

    /// The first tick of the rhythm that is still to come. Ticks missed during a slow reading are not made up for.
    fn tick_after(&self, tick: u64) -> u64 {
        let missed = self.host.now_ns().saturating_sub(tick) / self.interval_ns;
        tick.saturating_add((missed + 1).saturating_mul(self.interval_ns))
    }

    /// Keeps the guesses that are right, and NVIDIA's library where it is wanted. Where nothing was found, what was tried stays, to
    /// say why.
    fn search(&mut self) {
        let host = self.host;
        let mut guesses: Vec<Source> = self.guesses.iter().map(|url| Source::page(url)).collect();
        let answers = at_once(&mut guesses, |source| source.ask(host).error.is_none());
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        for (guess, is_right) in guesses.into_iter().zip(answers) {
            if is_right { right.push(guess) } else { wrong.push(guess) }
        }
        let found_none = right.is_empty() && self.sources.is_empty();
        self.sources.extend(right);
        let is_wanted = match self.nvml {
            Nvml::Yes => true,
            Nvml::No => false,
            Nvml::Auto => found_none,
        };
        if is_wanted {
            let library = Source::nvml(&self.nvml_library);
            let has_gpus = library.ask(self.host).error.is_none();
            self.sources.push(library);
            if has_gpus {
                return;
            }
        }
        if found_none {
            self.sources.extend(wrong);
        }
    }

    /// Asks all sources at the same time, so that a slow one does not shift the others' instants.
    fn read(&mut self) {
        let host = self.host;
        let answers = at_once(&mut self.sources, |source| source.read(host));
        let mut samples: Vec<GpuTelemetrySample> = answers.into_iter().flatten().collect();
        samples.sort_by_key(|sample| sample.at_ns);
        if !samples.is_empty() {
            self.waiting.push_back(GpuTelemetryBatch { samples });
            if self.waiting.len() > CAPACITY {
                self.waiting.pop_front();
                self.host.log(LogLevel::Warn, TARGET, || {
                    "threw away the oldest readings: the bus has been full for too long".to_owned()
                });
            }
        }
        self.publish();
    }

    /// Publishes in order until the bus is full. Once the run is over nothing is worth keeping.
    fn publish(&mut self) {
        while let Some(batch) = self.waiting.front() {
            match self.host.publish(batch) {
                Ok(()) | Err(PublishError::TooLarge) => drop(self.waiting.pop_front()),
                Err(PublishError::Full) => return,
                Err(_) => self.waiting.clear(),
            }
        }
    }

    fn publish_rest(&mut self, commands: &Receiver<Command>, deadline_ns: u64) {
        self.publish();
        while !self.waiting.is_empty() && self.host.now_ns() < deadline_ns {
            // Nothing more is sent after a stop: this waits, and notices when the service is gone.
            if matches!(commands.recv_timeout(RETRY), Err(RecvTimeoutError::Disconnected)) {
                return;
            }
            self.publish();
        }
    }
}

/// Asks all sources at the same time, so that a slow one does not hold up the others. Answers stand in the order of the sources.
fn at_once<T: Send>(sources: &mut [Source], ask: impl Fn(&mut Source) -> T + Sync) -> Vec<T> {
    let count = sources.len();
    let left = Mutex::new(sources.iter_mut().enumerate());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || std::iter::from_fn(next).map(|(at, source)| (at, ask(source))).collect::<Vec<_>>();
    let mut answers: Vec<(usize, T)> = thread::scope(|scope| {
        // Where there is no thread left, this one takes what the others leave.
        let others: Vec<_> =
            (1..count).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut answers = work();
        for other in others {
            // A panic ends this thread, too, and `stop` reports it.
            answers.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        answers
    });
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
