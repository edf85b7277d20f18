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

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use prony_plugin_api::{
    ErrorKind, HostHandle, LogLevel, Message, PluginError, RawMessage, Result, Service,
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
const BASELINE_PATIENCE: Duration = Duration::from_millis(200);

/// How long the run may be held up while sources are looked for.
const SEARCH_PATIENCE: Duration = Duration::from_secs(4);

/// The service.
///
/// A thread of its own asks the sources. The readings at the start of a phase are waited for, and not for long: what they say must
/// not have a part of the load in it.
#[derive(Debug)]
pub struct GpuTelemetry {
    host: HostHandle,
    options: Options,
    thread: Option<Thread>,
}

#[derive(Debug)]
struct Thread {
    commands: Sender<Command>,
    /// Never carries a message: it is closed when the thread ends.
    ended: Receiver<()>,
    handle: JoinHandle<()>,
}

impl Service for GpuTelemetry {
    const SUBSCRIPTIONS: &'static [&'static str] = &[PhaseStarted::TYPE, PhaseEnded::TYPE];
    const PUBLISHES: &'static [&'static str] = &[GpuTelemetryBatch::TYPE];
    const OPTIONS: &'static str = options::SCHEMA;

    fn new(options: &str, host: HostHandle) -> Result<Self> {
        Ok(Self { host, options: Options::read(options)?, thread: None })
    }

    fn start(&mut self) -> Result<()> {
        let collector = Collector::new(self.host, &self.options);
        let (commands, received) = mpsc::channel();
        let (ending, ended) = mpsc::channel();
        let handle = thread::Builder::new()
            .name("gpu telemetry".to_owned())
            .spawn(move || {
                let _closed_at_the_end: Sender<()> = ending;
                collector.run(&received);
            })
            .map_err(|error| PluginError::io(format!("start the reading thread: {error}")))?;
        let (done, searched) = mpsc::sync_channel(1);
        // The thread waits for it.
        let _ = commands.send(Command::Search(done));
        self.thread = Some(Thread { commands, ended, handle });
        let _ = searched.recv_timeout(SEARCH_PATIENCE);
        Ok(())
    }

    fn on_message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        match message.message_type() {
            PhaseStarted::TYPE => {
                let (done, read) = mpsc::sync_channel(1);
                self.tell(Command::PhaseStarted(done));
                // A source that is slower is asked beside the load.
                let _ = read.recv_timeout(BASELINE_PATIENCE);
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
        let Some(thread) = self.thread.take() else { return Ok(()) };
        if thread.ended.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout) {
            self.host.log(LogLevel::Warn, TARGET, || {
                "a source of GPU telemetry did not answer before the run was over".to_owned()
            });
            return Ok(());
        }
        thread.handle.join().map_err(|_| PluginError::new(ErrorKind::PANIC, "read GPUs: the thread panicked"))
    }
}

impl GpuTelemetry {
    fn tell(&self, command: Command) {
        if let Some(thread) = &self.thread {
            // A thread that has ended panicked, which `stop` finds out.
            let _ = thread.commands.send(command);
        }
    }
}

prony_plugin_api::export_plugin! { services: [GpuTelemetry] }

#[cfg(test)]
mod tests;
