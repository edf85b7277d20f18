//! The thread that scrapes: exports [`Collector`] and the [`Command`]s it obeys.

use std::{
    panic::resume_unwind,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use prony_plugin_api::{
    HostHandle, LogLevel,
    message::{ServerMetricsBatch, ServerMetricsSample},
};

use crate::{TARGET, outbox::Outbox, page::Page};

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Scrape now, say so, and then at every interval.
    PhaseStarted(SyncSender<()>),
    /// Scrape now, and then no more.
    PhaseEnded,
    /// Publish what is left until this instant of the run, and end.
    Stop {
        /// Nanoseconds since the run's start.
        deadline_ns: u64,
    },
}

/// How long a full bus is left alone while the service stops.
const RETRY: Duration = Duration::from_millis(10);

/// Scrapes pages in the rhythm of the run's phases.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) host: HostHandle,
    pub(crate) pages: Vec<Page>,
    pub(crate) interval_ns: u64,
    pub(crate) outbox: Outbox,
}

impl Collector {
    /// Works until it is told to stop, or nobody is left to tell it.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut next_tick = None;
        loop {
            match self.next(commands, next_tick) {
                Ok(Command::PhaseStarted(scraped)) => {
                    next_tick = Some(self.host.now_ns().saturating_add(self.interval_ns));
                    self.pages.iter_mut().for_each(Page::begin_phase);
                    self.scrape();
                    // A host that ends at once does not wait for it.
                    let _ = scraped.send(());
                }
                Ok(Command::PhaseEnded) => {
                    next_tick = None;
                    self.scrape();
                }
                Ok(Command::Stop { deadline_ns }) => return self.publish_rest(commands, deadline_ns),
                Err(RecvTimeoutError::Timeout) => {
                    self.scrape();
                    next_tick = next_tick.map(|tick| self.tick_after(tick));
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// The next command, or `Timeout` when it is time to scrape.
    fn next(&self, commands: &Receiver<Command>, tick: Option<u64>) -> Result<Command, RecvTimeoutError> {
        match tick {
            None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(tick) => {
                commands.recv_timeout(Duration::from_nanos(tick.saturating_sub(self.host.now_ns())))
            }
        }
    }

    /// The first tick of the rhythm that is still to come. Ticks missed during a slow scrape are not made up for.
    fn tick_after(&self, tick: u64) -> u64 {
        let missed = self.host.now_ns().saturating_sub(tick) / self.interval_ns;
        tick.saturating_add((missed + 1).saturating_mul(self.interval_ns))
    }

    /// Scrapes all pages at the same time, so that a slow one does not shift the others' instants.
    fn scrape(&mut self) {
        let (host, pages) = (self.host, self.pages.len());
        let left = Mutex::new(self.pages.iter_mut());
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let scrape = || std::iter::from_fn(next).filter_map(|page| page.scrape(host)).collect::<Vec<_>>();
        let mut samples: Vec<ServerMetricsSample> = thread::scope(|scope| {
            // Where there is no thread left, this one takes what the others leave.
            let others: Vec<_> =
                (1..pages).map_while(|_| thread::Builder::new().spawn_scoped(scope, scrape).ok()).collect();
            let mut samples = scrape();
            for other in others {
                // A panic ends this thread, too, and `stop` reports it.
                samples.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            samples
        });
        samples.sort_by_key(|sample| sample.at_ns);
        if !samples.is_empty() {
            let thrown_away = self.outbox.add(ServerMetricsBatch { samples });
            if thrown_away > 0 {
                self.host.log(LogLevel::Warn, TARGET, || {
                    format!("threw away the {thrown_away} oldest scrapes: the bus has been full for too long")
                });
            }
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
