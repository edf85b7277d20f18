//! The thread that asks: exports [`Collector`] and the [`Command`]s it obeys.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender},
    time::Duration,
};

use prony_plugin_api::{
    HostHandle, LogLevel,
    collector::{Outbox, Rhythm, at_once},
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
    rhythm: Rhythm,
    outbox: Outbox<GpuTelemetryBatch>,
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
            rhythm: Rhythm::every(options.interval_ms.saturating_mul(1_000_000)),
            outbox: Outbox::new(CAPACITY),
        }
    }

    /// Works until it is told to stop, or nobody is left to tell it.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            match self.rhythm.wait(commands, self.host.now_ns()) {
                Ok(Command::Search(searched)) => {
                    self.search();
                    // A host that ends at once does not wait for it.
                    let _ = searched.send(());
                }
                Ok(Command::PhaseStarted(read)) => {
                    self.rhythm.begin(self.host.now_ns());
                    self.sources.iter_mut().for_each(Source::begin_phase);
                    self.read();
                    let _ = read.send(());
                }
                Ok(Command::PhaseEnded) => {
                    self.rhythm.rest();
                    self.read();
                }
                Ok(Command::Stop { deadline_ns }) => return self.publish_rest(commands, deadline_ns),
                Err(RecvTimeoutError::Timeout) => {
                    self.read();
                    self.rhythm.ticked(self.host.now_ns());
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
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
        if !samples.is_empty() && self.outbox.add(GpuTelemetryBatch { samples }) > 0 {
            self.host.log(LogLevel::Warn, TARGET, || {
                "threw away the oldest readings: the bus has been full for too long".to_owned()
            });
        }
        self.publish();
    }

    fn publish(&mut self) {
        let host = self.host;
        self.outbox.flush(|batch| host.publish(batch));
    }

    fn publish_rest(&mut self, commands: &Receiver<Command>, deadline_ns: u64) {
        self.publish();
        while !self.outbox.is_empty() && self.host.now_ns() < deadline_ns {
            // Nothing more is sent after a stop: this waits, and notices when the service is gone.
            if matches!(commands.recv_timeout(RETRY), Err(RecvTimeoutError::Disconnected)) {
                return;
            }
            self.publish();
        }
    }
}
