//! Why a run ended before its time, in words for the report: [`Ending`].

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::interrupts::Interrupt;
use crate::clock::RunNs;

/// Why a run ended before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The user, or a supervisor, interrupted it.
    Interrupted(Interrupt),
    /// A service asked for it.
    Requested(String),
    /// The time for the whole run, which was this long, was over.
    Deadline(Duration),
    /// The server took no connections any more.
    ServerGone {
        /// When the first request began that found no server, in nanoseconds since the run's start.
        since_ns: RunNs,
        /// The same in seconds since the Unix epoch.
        since_unix_s: u64,
        /// Requests in a row that found no server.
        refused: u64,
        /// What became of the last one.
        error: String,
    },
    /// The endpoint wrote no request any more that can be sent.
    Unformatted {
        /// Requests in a row that could not be formatted.
        refused: u64,
        /// What became of the last one.
        error: String,
    },
    /// More requests failed than are allowed.
    TooManyFailed {
        failed: u64,
        /// Requests that had ended by then.
        ended: u64,
        /// The share that was allowed, as it was asked for.
        most: String,
    },
    /// A command before a phase failed, or the servers' profiler did not start.
    StepFailed {
        /// The step that failed, and why.
        reason: String,
        /// What to do next.
        hint: String,
    },
    /// The server could not keep up with the load.
    Saturated {
        /// Time since the start of the phase.
        after: Duration,
        in_flight: u64,
        /// Requests that began a second, less those that ended.
        more_a_second: u64,
    },
    /// A required service failed.
    ServiceLost(String),
    /// A service that the user asked for does not take its options.
    ServiceRefused {
        /// The service's entry name.
        name: String,
        message: String,
        /// What to do next.
        hint: String,
    },
    /// The endpoint panicked too often.
    EndpointPoisoned(String),
    /// A call into the endpoint does not return: which one, and in what.
    EndpointHangs {
        name: String,
        /// Which call.
        what: String,
    },
    /// The endpoint's process ended by itself.
    EndpointDied { name: String, death: String },
    /// A worker died or does not react any more.
    WorkerLost(String),
    /// An agent was lost, or ended: its name, and words that go on from it.
    AgentLost { name: String, how: String },
    /// The journal cannot be written.
    JournalLost,
}

/// How the reason of [`Ending::Saturated`] begins. Summaries tell reasons in words alone.
const SATURATED: &str = "the server cannot keep up";

impl Ending {
    /// Whether this is the reason of a run that ended because its server could not keep up.
    pub(crate) fn is_saturated(reason: &str) -> bool {
        reason.starts_with(SATURATED)
    }

    /// The sentence for the report.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Interrupted(Interrupt::Interrupted) => "interrupted by the user".to_owned(),
            Self::Interrupted(Interrupt::Terminated) => "ended by SIGTERM".to_owned(),
            Self::Interrupted(Interrupt::HungUp) => "the terminal was closed".to_owned(),
            Self::Requested(reason) => format!("a service asked for the end: {reason}"),
            Self::Deadline(time) => {
                format!("the deadline of {} s (`--deadline`) was over", time.as_secs_f64())
            }
            Self::ServerGone { since_ns, since_unix_s, refused, error } => {
                let seconds = *since_ns as f64 / 1e9;
                let wall = wall_time(*since_unix_s).map(|time| format!(" ({time})")).unwrap_or_default();
                format!(
                    "the server was gone since {seconds:.1} s after the start of the run{wall}: \
                     {refused} connections in a row failed, the last one with `{error}`"
                )
            }
            Self::Unformatted { refused, error } => {
                format!(
                    "the endpoint wrote no request that can be sent, {refused} times in a row; the last time: {error}"
                )
            }
            Self::TooManyFailed { failed, ended, most } => {
                format!(
                    "{failed} of {ended} requests failed, more than `--failed-request-threshold {most}` allows"
                )
            }
            Self::StepFailed { reason, .. } => reason.clone(),
            Self::Saturated { after, in_flight, more_a_second } => format!(
                "{SATURATED}: after {:.1} s {in_flight} requests were in flight, and {more_a_second} more a second",
                after.as_secs_f64()
            ),
            Self::ServiceLost(what) => format!("a required service was lost: {what}"),
            Self::ServiceRefused { name, message, .. } => {
                format!("the service `{name}` does not take its options: {message}")
            }
            Self::AgentLost { name, how } => format!("the agent `{name}` {how}"),
            Self::WorkerLost(what) => format!("a worker was lost: {what}"),
            Self::EndpointPoisoned(name) => format!("endpoint `{name}` panicked too often"),
            Self::EndpointHangs { name, what } => format!("endpoint `{name}` hangs: {what}"),
            Self::EndpointDied { name, death } => format!("endpoint `{name}` ended its process: it {death}"),
            Self::JournalLost => "the journal could not be written".to_owned(),
        }
    }
}

/// Text for an instant in seconds since the Unix epoch, in UTC; `None` beyond the year 9999.
fn wall_time(unix_s: u64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp(i64::try_from(unix_s).ok()?).ok()?;
    time.format(&Rfc3339).ok()
}
