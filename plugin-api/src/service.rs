//! Services: collectors and publishers that run beside the load.
//!
//! States: created → initialized → running → stopping → stopped, or failed from anywhere. The host calls a service
//! from one thread at a time, in that order; messages may arrive from the end of `init` to the beginning of `stop`.
//!
//! # Rules
//!
//! *Deadlines.* [`Service::new`], [`Service::init`], [`Service::start`] and every [`Service::on_message`] have five
//! seconds each; [`Service::stop`] and the destructor together have what `stop` is told. A service that overruns one,
//! returns an error or panics has failed: the report says so by name, nothing calls it again, and it cannot publish any
//! more. The death of a service that its manifest calls `required` ends the run. All services of a run are prepared side
//! by side, and `start` is called once every one has heard the end of its `init`: what a service publishes from `start`
//! on is heard by the others.
//!
//! *Messages in* wait in a queue of 1024 messages and 64 MiB. More are lost, counted and reported: a slow service never
//! slows the load. Hand work that takes long to a thread of your own.
//!
//! *Messages out.* [`HostHandle::publish`] never blocks. A message may have [`LARGEST_MESSAGE`] bytes and a type of
//! [`LONGEST_TYPE`]; a service may have 1024 messages and 64 MiB of them waiting, and publish 10 000 and 64 MiB a
//! second. What is over is refused and counted as lost. Everything that is taken is kept in the journal, whether anybody
//! subscribed to its type or not.
//!
//! *Threads* of a service's own are welcome, an async runtime included; the host's runtime never polls its futures. They
//! must be gone when `stop` returns: the host does not wait for them, and from then on `publish` is `Closed`.
//!
//! *Faults.* A panic in a method is contained, and so is one in the destructor or in a thread of the service's own, of
//! which only the log tells. What no process survives ends the whole host when the service runs inside it: a
//! segmentation fault, `abort`, `exit`, a stack overflow, and a panic in a destructor that runs while another panic
//! unwinds. With `isolation: process` in the manifest, or `--isolate NAME`, the same library runs in a child process, and
//! all of these are a failed service in the report. Nothing changes for the author, but that standard input is empty and
//! that a call which hangs is ended with the process.

use std::{fmt, time::Duration};

use crate::{abi::Host, error::Result, message::Message};

/// Bytes of the largest message that the bus takes, encoded.
pub const LARGEST_MESSAGE: usize = 16 << 20;

/// Bytes of the longest message type that the bus takes.
pub const LONGEST_TYPE: usize = 128;

/// A service. The module's documentation has the rules that it lives by.
pub trait Service: Send + Sized + 'static {
    /// Types of the messages it wants to hear, such as [`crate::message::PhaseStarted::TYPE`](Message::TYPE).
    const SUBSCRIPTIONS: &'static [&'static str] = &[];

    /// Types of the messages it may publish, such as [`crate::message::ServerMetricsBatch::TYPE`](Message::TYPE). Users
    /// read it in `prony plugins graph`; nothing else depends on it.
    const PUBLISHES: &'static [&'static str] = &[];

    /// JSON Schema of the options that [`Service::new`] takes; readable from the library's file without running it. What
    /// the user sets is checked against its `properties`, and refused if it is none of them.
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

    /// Publishes what is left and ends its work and its threads, within `deadline`: five seconds, or 0.3 when the run is
    /// to end at once. The destructor runs right after it and must not be what flushes.
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
#[non_exhaustive]
pub enum PublishError {
    /// The bus is full, or the service publishes too fast: this message is lost, and the host counts it.
    Full,
    /// The run is over for this service.
    Closed,
    /// Larger than [`LARGEST_MESSAGE`], or its type is longer than [`LONGEST_TYPE`]: it would never be taken. The host
    /// counts it as lost.
    TooLarge,
}

impl PublishError {
    /// What the function of the host answers with; 0 is a message that was taken.
    pub const fn code(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Closed => 2,
            Self::TooLarge => 3,
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "publish: the bus is full",
            Self::Closed => "publish: the run is over",
            Self::TooLarge => "publish: the message is too large",
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

    /// Puts a message on the bus without waiting. It goes into the journal, and to every service that subscribed to its
    /// type.
    ///
    /// # Errors
    /// [`PublishError`] when it was not taken; also `Closed` for a message that cannot be encoded. Whoever gets `Full`
    /// may keep the message and try again later.
    pub fn publish<M: Message>(&self, message: &M) -> Result<(), PublishError> {
        let payload = message.encode().map_err(|_| PublishError::Closed)?;
        match (self.0.vt.publish())(self.0.context, M::TYPE.into(), payload.as_slice().into()) {
            0 => Ok(()),
            code if code == PublishError::Full.code() => Err(PublishError::Full),
            code if code == PublishError::TooLarge.code() => Err(PublishError::TooLarge),
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

    /// The run as the text of a JSON object, without secrets:
    ///
    /// | fact | is |
    /// |---|---|
    /// | `run_id` | the id of the run |
    /// | `urls` | an array with the base URLs of the servers |
    /// | `model` | the model that is asked for |
    /// | `endpoint_type` | the name of the API format, as the manifest has it |
    /// | `artifact_dir` | the folder of the run |
    /// | `wall_start_ns` | nanoseconds since 1970 at the start of the run |
    /// | `version` | the version of prony |
    /// | `command` | the command line as one text |
    /// | `config` | the whole plan, whose fields are prony's own and change with its versions |
    ///
    /// An older host says less of it: do without what is not there.
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
