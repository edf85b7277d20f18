//! A prony service that watches the GPUs of the servers under load.
//!
//! Its noun is the reading: what one source said of its GPUs at one instant, published as a [`GpuTelemetryBatch`]. Sources are
//! pages of DCGM exporters and, on this machine, NVIDIA's own library. They are asked when a phase begins, at every interval
//! while it runs, and when it has ended, so that energy can be told of the phase's own time. It computes nothing: that is the
//! report's work.
//!
//! A source that fails is a sample with an error, never a failure of the service.

mod collector;
mod dcgm;
mod nvml;
mod options;
mod page;
mod source;

use std::{sync::mpsc, time::Duration};

use prony_plugin_api::{
    HostHandle, LogLevel, Message, RawMessage, Result, Service,
    collector::{Ended, Worker},
    message::{PhaseEnded, PhaseStarted},
    telemetry::GpuTelemetryBatch,
};

use self::{
    collector::{Collector, Command},
    options::Options,
};

/// Under what the service's log lines stand.
const TARGET: &str = "gpu_telemetry";

/// How long the load may be held up by the readings before it.
const BASELINE_TIMEOUT: Duration = Duration::from_millis(200);

/// How long the run may be held up while sources are looked for.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(4);

/// The service.
///
/// A thread of its own asks the sources. The readings at the start of a phase are waited for, and not for long: what they say must
/// not have a part of the load in it.
#[derive(Debug)]
pub struct GpuTelemetry {
    host: HostHandle,
    options: Options,
    worker: Option<Worker<Command>>,
}

impl Service for GpuTelemetry {
    const SUBSCRIPTIONS: &'static [&'static str] = &[PhaseStarted::TYPE, PhaseEnded::TYPE];
    const PUBLISHES: &'static [&'static str] = &[GpuTelemetryBatch::TYPE];
    const OPTIONS: &'static str = options::SCHEMA;

    fn new(options: &str, host: HostHandle) -> Result<Self> {
        Ok(Self { host, options: Options::read(options)?, worker: None })
    }

    fn start(&mut self) -> Result<()> {
        let collector = Collector::new(self.host, &self.options);
        let worker = Worker::start("gpu telemetry", move |commands| collector.run(commands))?;
        let (done, searched) = mpsc::sync_channel(1);
        worker.tell(Command::Search(done));
        self.worker = Some(worker);
        let _ = searched.recv_timeout(SEARCH_TIMEOUT);
        Ok(())
    }

    fn on_message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        match message.message_type() {
            PhaseStarted::TYPE => {
                let (done, read) = mpsc::sync_channel(1);
                self.tell(Command::PhaseStarted(done));
                // A source that is slower is asked beside the load.
                let _ = read.recv_timeout(BASELINE_TIMEOUT);
            }
            PhaseEnded::TYPE => self.tell(Command::PhaseEnded),
            _ => {}
        }
        Ok(())
    }

    /// Waits for the readings that were asked for, and for what is still to be published.
    fn stop(&mut self, deadline: Duration) -> Result<()> {
        // A little earlier than asked for, so that the host gets its answer within the deadline.
        let deadline = deadline.mul_f64(0.9);
        // Earlier still for the thread, so that it has ended when the waiting is over.
        let left_ns = u64::try_from(deadline.mul_f64(0.8).as_nanos()).unwrap_or(u64::MAX);
        self.tell(Command::Stop { deadline_ns: self.host.now_ns().saturating_add(left_ns) });
        let Some(worker) = self.worker.take() else { return Ok(()) };
        if worker.end(deadline)? == Ended::Late {
            self.host.log(LogLevel::Warn, TARGET, || {
                "a source of GPU telemetry did not answer before the run was over".to_owned()
            });
        }
        Ok(())
    }
}

impl GpuTelemetry {
    fn tell(&self, command: Command) {
        if let Some(worker) = &self.worker {
            worker.tell(command);
        }
    }
}

prony_plugin_api::export_plugin! { capabilities: [network, files, threads, environment], services: [GpuTelemetry] }

#[cfg(test)]
mod tests;
