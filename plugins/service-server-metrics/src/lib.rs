//! A prony service that scrapes the Prometheus pages of the servers under load.
//!
//! Its noun is the sample: one page at one instant, published as a
//! [`ServerMetricsBatch`]. Pages are scraped when a phase begins, at
//! every interval while it runs, and when it has ended, so that what happened on the server can be counted over the
//! phase's own window. It computes nothing: that is the report's work.
//!
//! A page that fails is a sample with an error, never a failure of the service.

mod collector;
mod fetch;
mod options;
mod page;
mod secrets;
mod tls;

use std::{sync::mpsc, time::Duration};

use prony_plugin_api::{
    HostHandle, LogLevel, Message, RawMessage, Result, Service,
    collector::{Ended, Outbox, Rhythm, Worker},
    message::{PhaseEnded, PhaseStarted, ServerMetricsBatch},
};

use self::{
    collector::{CAPACITY, Collector, Command},
    fetch::Client,
    options::Options,
    page::Page,
    tls::PageTls,
};

/// Under what the service's log lines stand.
const TARGET: &str = "server_metrics";

/// How long the load may be held up by the scrape before it.
const BASELINE_TIMEOUT: Duration = Duration::from_millis(200);

/// The service.
///
/// Messages are handed to a thread of its own, which scrapes at once. Only the scrape at the start of a phase is waited
/// for, and not for long: what it counts must not have a part of the load in it.
#[derive(Debug)]
pub struct ServerMetrics {
    host: HostHandle,
    options: Options,
    worker: Option<Worker<Command>>,
}

impl Service for ServerMetrics {
    const SUBSCRIPTIONS: &'static [&'static str] = &[PhaseStarted::TYPE, PhaseEnded::TYPE];
    const PUBLISHES: &'static [&'static str] = &[ServerMetricsBatch::TYPE];
    const OPTIONS: &'static str = options::SCHEMA;

    fn new(options: &str, host: HostHandle) -> Result<Self> {
        Ok(Self { host, options: Options::read(options)?, worker: None })
    }

    fn start(&mut self) -> Result<()> {
        let names = self.options.page_names();
        let client = |url: &String| {
            let tls = self.options.tls.get(url).map(PageTls::read).transpose()?.unwrap_or_default();
            Ok(Client::new(url.clone(), self.options.headers_of(url), tls))
        };
        let clients = self.options.urls.iter().map(client).collect::<Result<Vec<Client>>>()?;
        let collector = Collector {
            host: self.host,
            pages: names.into_iter().zip(clients).map(|(name, client)| Page::new(name, client)).collect(),
            rhythm: Rhythm::every(self.options.interval_ms.saturating_mul(1_000_000)),
            outbox: Outbox::new(CAPACITY),
        };
        self.worker = Some(Worker::start("server metrics", move |commands| collector.run(commands))?);
        Ok(())
    }

    fn on_message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        match message.message_type() {
            PhaseStarted::TYPE => self.take_stock(),
            PhaseEnded::TYPE => self.tell(Command::PhaseEnded),
            _ => {}
        }
        Ok(())
    }

    /// Waits for the scrapes that were asked for, and for what is still to be published.
    fn stop(&mut self, deadline: Duration) -> Result<()> {
        // A little earlier than asked for, so that the host gets its answer within the deadline.
        let deadline = deadline.mul_f64(0.9);
        let deadline_ns =
            self.host.now_ns().saturating_add(u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX));
        self.tell(Command::Stop { deadline_ns });
        let Some(worker) = self.worker.take() else { return Ok(()) };
        if worker.end(deadline)? == Ended::Late {
            self.host
                .log(LogLevel::Warn, TARGET, || "a page did not answer before the run was over".to_owned());
        }
        Ok(())
    }
}

impl ServerMetrics {
    /// Scrapes before the load begins.
    fn take_stock(&self) {
        let (done, scraped) = mpsc::sync_channel(1);
        self.tell(Command::PhaseStarted(done));
        // A page slower than that is scraped beside the load.
        let _ = scraped.recv_timeout(BASELINE_TIMEOUT);
    }

    fn tell(&self, command: Command) {
        if let Some(worker) = &self.worker {
            worker.tell(command);
        }
    }
}

prony_plugin_api::export_plugin! { capabilities: [network, files, threads, environment], services: [ServerMetrics] }

#[cfg(test)]
mod tests;
