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

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use prony_plugin_api::{
    ErrorKind, HostHandle, LogLevel, Message, PluginError, RawMessage, Result, Service,
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
const PATIENCE: Duration = Duration::from_secs(3);

/// The service.
///
/// A thread of its own probes. Only the probes before the run are waited for.
#[derive(Debug)]
pub struct NetworkLatency {
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

impl Service for NetworkLatency {
    const SUBSCRIPTIONS: &'static [&'static str] = &[PhaseStarted::TYPE, PhaseEnded::TYPE];
    const PUBLISHES: &'static [&'static str] = &[NetworkLatencyBatch::TYPE];
    const OPTIONS: &'static str = options::SCHEMA;

    fn new(options: &str, host: HostHandle) -> Result<Self> {
        Ok(Self { host, options: Options::read(options)?, thread: None })
    }

    fn start(&mut self) -> Result<()> {
        let prober = Prober::new(self.host, &self.options)?;
        let (commands, received) = mpsc::channel();
        let (alive, ended) = mpsc::channel();
        let handle = thread::Builder::new()
            .name("network latency".to_owned())
            .spawn(move || {
                let _closed_at_the_end: Sender<()> = alive;
                prober.run(&received);
            })
            .map_err(|error| PluginError::io(format!("start the probing thread: {error}")))?;
        let (done, is_done) = mpsc::sync_channel(1);
        let patience_ns = u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX);
        let deadline_ns = self.host.now_ns().saturating_add(patience_ns);
        // The thread waits for it.
        let _ = commands.send(Command::Begin { deadline_ns, done });
        self.thread = Some(Thread { commands, ended, handle });
        let _ = is_done.recv_timeout(PATIENCE);
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
        let Some(thread) = self.thread.take() else { return Ok(()) };
        if thread.ended.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout) {
            self.host
                .log(LogLevel::Warn, TARGET, || "a probe did not end before the run was over".to_owned());
            return Ok(());
        }
        thread.handle.join().map_err(|_| PluginError::new(ErrorKind::PANIC, "probe: the thread panicked"))
    }
}

impl NetworkLatency {
    fn tell(&self, command: Command) {
        if let Some(thread) = &self.thread {
            // A thread that has ended panicked, which `stop` finds out.
            let _ = thread.commands.send(command);
        }
    }
}

prony_plugin_api::export_plugin! { services: [NetworkLatency] }

#[cfg(test)]
mod tests;
