//! A prony service that measures how long the way to the servers under load is.
//!
//! Its noun is the probe: a TCP connection that is opened, timed, and closed, published as a [`NetworkLatencyBatch`]. There are
//! some before the first phase and some after the last, when nothing else is on the way, and few while phases run. It computes
//! nothing: that is the report's work.
//!
//! A server that cannot be reached is a sample with an error, never a failure of the service.

mod options;
mod prober;
mod target;

use std::{sync::mpsc, time::Duration};

use prony_plugin_api::{
    HostHandle, LogLevel, Message, RawMessage, Result, Service,
    collector::{Ended, Worker},
    message::{PhaseEnded, PhaseStarted},
    telemetry::NetworkLatencyBatch,
};

use self::{
    options::Options,
    prober::{Command, Prober},
};

/// Under what the service's log lines stand.
const TARGET: &str = "network_latency";

/// How long the load may be held up by the probes before it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The service.
///
/// A thread of its own probes. Only the probes before the run are waited for.
#[derive(Debug)]
pub struct NetworkLatency {
    host: HostHandle,
    options: Options,
    worker: Option<Worker<Command>>,
}

impl Service for NetworkLatency {
    const SUBSCRIPTIONS: &'static [&'static str] = &[PhaseStarted::TYPE, PhaseEnded::TYPE];
    const PUBLISHES: &'static [&'static str] = &[NetworkLatencyBatch::TYPE];
    const OPTIONS: &'static str = options::SCHEMA;

    fn new(options: &str, host: HostHandle) -> Result<Self> {
        Ok(Self { host, options: Options::read(options)?, worker: None })
    }

    fn start(&mut self) -> Result<()> {
        let prober = Prober::new(self.host, &self.options)?;
        let worker = Worker::start("network latency", move |commands| prober.run(commands))?;
        let (done, is_done) = mpsc::sync_channel(1);
        let timeout_ns = u64::try_from(TIMEOUT.as_nanos()).unwrap_or(u64::MAX);
        let deadline_ns = self.host.now_ns().saturating_add(timeout_ns);
        worker.tell(Command::Begin { deadline_ns, done });
        self.worker = Some(worker);
        let _ = is_done.recv_timeout(TIMEOUT);
        Ok(())
    }

    fn on_message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        match message.message_type() {
            PhaseStarted::TYPE => self.tell(Command::PhaseStarted),
            PhaseEnded::TYPE => self.tell(Command::PhaseEnded),
            _ => {}
        }
        Ok(())
    }

    /// Probes once more, and waits until that is published.
    fn stop(&mut self, deadline: Duration) -> Result<()> {
        // A little earlier than asked for, so that the host gets its answer within the deadline.
        let deadline = deadline.mul_f64(0.9);
        let left_ns = u64::try_from(deadline.mul_f64(0.8).as_nanos()).unwrap_or(u64::MAX);
        self.tell(Command::Stop { deadline_ns: self.host.now_ns().saturating_add(left_ns) });
        let Some(worker) = self.worker.take() else { return Ok(()) };
        if worker.end(deadline)? == Ended::Late {
            self.host
                .log(LogLevel::Warn, TARGET, || "a probe did not end before the run was over".to_owned());
        }
        Ok(())
    }
}

impl NetworkLatency {
    fn tell(&self, command: Command) {
        if let Some(worker) = &self.worker {
            worker.tell(command);
        }
    }
}

prony_plugin_api::export_plugin! { capabilities: [network, threads], services: [NetworkLatency] }

#[cfg(test)]
mod tests;
