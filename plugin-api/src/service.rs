//! Services: collectors and publishers that run beside the load.
//!
//! States: created → initialized → running → stopping → stopped, or failed from anywhere. The host calls a service
//! from one thread at a time, in that order; messages may arrive from the end of `init` to the beginning of `stop`.
//! Every call has a deadline. A service that overruns it, fails or panics is marked in the report and never called
//! again: a slow service never slows the load.

use std::{fmt, time::Duration};

use crate::{abi::Host, error::Result, message::Message};

/// A service.
///
/// It may run threads, or an async runtime, of its own; the host's runtime never polls its futures.
pub trait Service: Send + Sized + 'static {
    /// Types of the messages it wants to hear, such as [`crate::message::PhaseStarted::TYPE`](Message::TYPE).
    const SUBSCRIPTIONS: &'static [&'static str] = &[];

    /// Types of the messages it may publish, such as [`crate::message::ServerMetricsBatch::TYPE`](Message::TYPE). Users
    /// read it in `prony plugins graph`; nothing else depends on it.
    const PUBLISHES: &'static [&'static str] = &[];

    /// JSON Schema of the options that [`Service::new`] takes.
    const OPTIONS: &'static str = "{}";

    /// Makes the service from its options, the text of a JSON object. Ignore keys you do not know.
    ///
    /// # Errors
    /// `config` when an option has a wrong value: the service does not start.
    fn new(options: &str, host: HostHandle) -> Result<Self>;

    /// Prepares: opens what it needs.
    ///
    /// # Errors
    /// The service is marked as failed.
    fn init(&mut self) -> Result<()> {
        Ok(())
    }

    /// Begins its own work.
    ///
    /// # Errors
    /// The service is marked as failed.
    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    /// Handles one message of a subscribed type.
    ///
    /// # Errors
    /// The service is marked as failed.
    fn on_message(&mut self, _message: &RawMessage<'_>) -> Result<()> {
        Ok(())
    }

    /// Publishes what is left and ends its work.
    ///
    /// # Errors
    /// The service is marked as failed; what it published counts all the same.
    fn stop(&mut self, _deadline: Duration) -> Result<()> {
        Ok(())
    }
}

/// A message as it arrived: decode it once its type is known.
#[derive(Clone, Copy, Debug)]
pub struct RawMessage<'a> {
    message_type: &'a str,
    payload: &'a [u8],
}

impl<'a> RawMessage<'a> {
    /// Wraps an encoded message.
    pub fn new(message_type: &'a str, payload: &'a [u8]) -> Self {
        Self { message_type, payload }
    }

    /// The type it was published under.
    pub fn message_type(&self) -> &'a str {
        self.message_type
    }

    /// Decodes it if it is an `M`; `None` when it is of another type.
    ///
    /// # Errors
    /// `malformed` when the payload is not an `M` after all.
    pub fn decode<M: Message>(&self) -> Option<Result<M>> {
        (self.message_type == M::TYPE).then(|| M::decode(self.payload))
    }
}

/// Level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed.
    Error = 1,
    /// Something is wrong but goes on.
    Warn = 2,
    /// Milestones.
    Info = 3,
    /// For the one who looks for a fault.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// The bus is full: this message is lost, and the host counts it.
    Full,
    /// The run is over.
    Closed,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "publish: the bus is full",
            Self::Closed => "publish: the run is over",
        })
    }
}

impl std::error::Error for PublishError {}

/// What the host offers. Copy it into any thread; it is valid for the life of the process.
#[derive(Clone, Copy)]
pub struct HostHandle(Host);

impl HostHandle {
    pub(crate) fn new(host: Host) -> Self {
        Self(host)
    }

    /// Puts a message on the bus without waiting.
    ///
    /// # Errors
    /// [`PublishError`] when it was not taken; also `Closed` for a message that cannot be encoded.
    pub fn publish<M: Message>(&self, message: &M) -> Result<(), PublishError> {
        let payload = message.encode().map_err(|_| PublishError::Closed)?;
        match (self.0.vt.publish())(self.0.context, M::TYPE.into(), payload.as_slice().into()) {
            0 => Ok(()),
            1 => Err(PublishError::Full),
            _ => Err(PublishError::Closed),
        }
    }

    /// Is anyone listening at this level for this target?
    pub fn log_enabled(&self, level: LogLevel, target: &str) -> bool {
        (self.0.vt.log_enabled())(self.0.context, level as u32, target.into())
    }

    /// Writes a log line. The text is only built when someone listens.
    pub fn log(&self, level: LogLevel, target: &str, text: impl FnOnce() -> String) {
        if self.log_enabled(level, target) {
            (self.0.vt.log())(self.0.context, level as u32, target.into(), text().as_str().into());
        }
    }

    /// Nanoseconds since the run's start, on the host's monotonic clock.
    pub fn now_ns(&self) -> u64 {
        (self.0.vt.now_ns())(self.0.context)
    }

    /// The run as the text of a JSON object: `urls`, `model`, `endpoint_type`, `artifact_dir`. No secrets.
    pub fn run_facts(&self) -> String {
        (self.0.vt.run_facts())(self.0.context).into()
    }

    /// Asks the host to end the run, as an interrupt would. The reason stands in the report.
    pub fn request_stop(&self, reason: &str) {
        (self.0.vt.request_stop())(self.0.context, reason.into());
    }
}

impl fmt::Debug for HostHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostHandle").finish_non_exhaustive()
    }
}
