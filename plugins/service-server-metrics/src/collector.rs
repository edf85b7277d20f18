//! The thread that scrapes: exports [`Collector`] and the [`Command`]s it obeys.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender},
    time::Duration,
};

use prony_plugin_api::{
    HostHandle, LogLevel,
    collector::{Outbox, Rhythm, at_once},
    message::{ServerMetricsBatch, ServerMetricsSample},
};

use crate::{TARGET, page::Page};

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

/// Batches that may wait while the bus is full: a minute of them at the usual interval.
pub(crate) const CAPACITY: usize = 60;

/// Scrapes pages in the rhythm of the run's phases.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) host: HostHandle,
    pub(crate) pages: Vec<Page>,
    pub(crate) rhythm: Rhythm,
    pub(crate) outbox: Outbox<ServerMetricsBatch>,
}

impl Collector {
    /// Works until it is told to stop, or nobody is left to tell it.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            match self.rhythm.wait(commands, self.host.now_ns()) {
                Ok(Command::PhaseStarted(scraped)) => {
                    self.rhythm.begin(self.host.now_ns());
                    self.pages.iter_mut().for_each(Page::begin_phase);
                    self.scrape();
                    // A host that ends at once does not wait for it.
                    let _ = scraped.send(());
                }
                Ok(Command::PhaseEnded) => {
                    self.rhythm.rest();
                    self.scrape();
                }
                Ok(Command::Stop { deadline_ns }) => return self.publish_rest(commands, deadline_ns),
                Err(RecvTimeoutError::Timeout) => {
                    self.scrape();
                    self.rhythm.ticked(self.host.now_ns());
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Scrapes all pages at the same time, so that a slow one does not shift the others' instants.
    fn scrape(&mut self) {
        let host = self.host;
        let answers = at_once(&mut self.pages, |page| page.scrape(host));
        let mut samples: Vec<ServerMetricsSample> = answers.into_iter().flatten().collect();
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
