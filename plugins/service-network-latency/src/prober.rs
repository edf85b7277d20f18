//! The thread that probes: exports [`Prober`] and the [`Command`]s it obeys.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::Duration,
};

use prony_plugin_api::{
    HostHandle, PublishError, Result,
    collector::Rhythm,
    telemetry::{NetworkLatencyBatch, NetworkLatencySample, ProbeTime},
};

use crate::{options::Options, target::Target};

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Probe before the run until this instant, and say when that is over.
    Begin {
        /// Nanoseconds since the run's start. The load may begin then, so that no probe begins later.
        deadline_ns: u64,
        /// Where it is said.
        done: SyncSender<()>,
    },
    /// Probe at every interval.
    PhaseStarted,
    /// Probe no more.
    PhaseEnded,
    /// Probe after the run until this instant, publish what is left, and end.
    Stop {
        /// Nanoseconds since the run's start.
        deadline_ns: u64,
    },
}

/// Between two probes of a row, so that each finds the way as empty as the first.
const PAUSE: Duration = Duration::from_millis(5);

/// How long a full bus is left alone while the service stops.
const RETRY: Duration = Duration::from_millis(10);

/// Samples that may wait while the bus is full. Nobody loses more than the oldest.
const MOST_WAITING: usize = 10_000;

/// Probes servers in the rhythm of the run.
#[derive(Debug)]
pub(crate) struct Prober {
    host: HostHandle,
    targets: Vec<Target>,
    rhythm: Rhythm,
    probes: u32,
    timeout: Duration,
    waiting: Vec<NetworkLatencySample>,
}

impl Prober {
    /// One that has not begun.
    ///
    /// # Errors
    /// `config`, when a target is no URL of a server.
    pub(crate) fn new(host: HostHandle, options: &Options) -> Result<Self> {
        let targets: Result<Vec<Target>> = options.targets.iter().map(|url| Target::parse(url)).collect();
        Ok(Self {
            host,
            targets: targets?,
            rhythm: Rhythm::every(options.interval_ms.saturating_mul(1_000_000)),
            probes: options.probes,
            timeout: Duration::from_millis(options.timeout_ms),
            waiting: Vec::new(),
        })
    }

    /// Works until it is told to stop, or nobody is left to tell it.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            match self.rhythm.wait(commands, self.host.now_ns()) {
                Ok(Command::Begin { deadline_ns, done }) => {
                    self.probe_in_a_row(ProbeTime::Before, deadline_ns);
                    // Whoever waited may have given up.
                    let _ = done.send(());
                }
                Ok(Command::PhaseStarted) => self.rhythm.begin(self.host.now_ns()),
                Ok(Command::PhaseEnded) => self.rhythm.rest(),
                Ok(Command::Stop { deadline_ns }) => {
                    self.probe_in_a_row(ProbeTime::After, deadline_ns);
                    return self.publish_rest(deadline_ns);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.probe_each(ProbeTime::During);
                    self.publish();
                    // One interval behind a slow probe, and no sooner: few probes are wanted beside the load.
                    self.rhythm.begin(self.host.now_ns());
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Several probes of each target, one after the other, none of which begins after the deadline. One that fails is not asked
    /// again, since each may take as long as the timeout.
    fn probe_in_a_row(&mut self, time: ProbeTime, deadline_ns: u64) {
        for at in 0..self.targets.len() {
            for number in 0..self.probes {
                if number > 0 {
                    thread::sleep(PAUSE);
                }
                if self.host.now_ns() >= deadline_ns {
                    break;
                }
                if !self.probe(at, time) {
                    break;
                }
            }
        }
        self.publish();
    }

    fn probe_each(&mut self, time: ProbeTime) {
        for at in 0..self.targets.len() {
            self.probe(at, time);
        }
    }

    /// Probes one target. Tells whether the connection was opened.
    fn probe(&mut self, at: usize, time: ProbeTime) -> bool {
        let (host, timeout) = (self.host, self.timeout);
        let Some(target) = self.targets.get_mut(at) else { return false };
        let at_ns = host.now_ns();
        let outcome = target.probe(timeout, || host.now_ns());
        let mut sample = NetworkLatencySample { time, at_ns, ..target.sample() };
        match outcome {
            Ok(rtt_ns) => sample.rtt_ns = Some(rtt_ns),
            Err(error) => sample.error = Some(error),
        }
        let is_open = sample.error.is_none();
        self.waiting.push(sample);
        let too_many = self.waiting.len().saturating_sub(MOST_WAITING);
        self.waiting.drain(..too_many);
        is_open
    }

    /// Publishes what is there. A full bus is tried again with the next probes.
    fn publish(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let batch = NetworkLatencyBatch { samples: std::mem::take(&mut self.waiting) };
        if let Err(PublishError::Full) = self.host.publish(&batch) {
            self.waiting = batch.samples;
        }
    }

    fn publish_rest(&mut self, deadline_ns: u64) {
        self.publish();
        while !self.waiting.is_empty() && self.host.now_ns() < deadline_ns {
            thread::sleep(RETRY);
            self.publish();
        }
    }
}
