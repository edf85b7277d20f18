//! What holds for the requests of a phase beside its load.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ramp::Ramp;

/// What holds for the requests of a phase; nothing by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    /// The most requests that wait for their first token at once.
    pub(crate) prefill: Option<Ramp<u32>>,
    /// Some are cancelled on purpose.
    pub(crate) cancellation: Option<Cancellation>,
    /// The run ends when more than this share of the requests has failed, from 0 to 1.
    pub(crate) most_failed: Option<f64>,
    /// How often a user leaves a session after a turn, in percent.
    pub(crate) leave_percent: Option<f64>,
    /// Sessions that are there when the phase begins start within their scripts.
    pub(crate) start: Option<StartWindow>,
    /// What a conversation means that the server finds too long.
    pub(crate) overflow: OverflowPolicy,
    /// The longest time in which nothing goes on in a closed loop, in seconds. That of a replay is cut in the recording.
    pub(crate) most_idle_s: Option<f64>,
    /// The phase only fills the server's cache for the next one, which goes on with its sessions.
    pub(crate) filling: Option<CacheFilling>,
    /// Sessions that begin in their middle wait for the pause that is recorded before their first turn, and do not begin together.
    pub(crate) spreads_starts: bool,
}

/// How the server's cache is filled: each request asks for one token, without pauses, and repeats what is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CacheFilling {
    /// Each session sends the first turn that it plays.
    FirstTurns,
    /// Sessions go on until the phase is over.
    UntilOver,
}

impl CacheFilling {
    /// The flag that asks for it.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::FirstTurns => "--scenario",
            Self::UntilOver => "--agentic-cache-warmup-duration",
        }
    }
}

/// Where a session starts in its script, evenly between two parts of its steps from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StartWindow {
    /// The earliest.
    pub(crate) least: f64,
    /// The latest, not below it.
    pub(crate) most: f64,
}

/// What a request means that the server refuses since its context is too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OverflowPolicy {
    /// The session has come to its end: it is counted apart, and no failure.
    #[default]
    EndSession,
    /// It is a failure like others.
    Fail,
}

impl Rules {
    /// The longest time in which nothing goes on in a closed loop.
    pub(crate) fn most_idle(&self) -> Option<Duration> {
        self.most_idle_s.map(|most_s| Duration::try_from_secs_f64(most_s).unwrap_or(Duration::MAX))
    }
}

impl OverflowPolicy {
    /// Overflows are no failures.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
    pub(crate) fn ends_sessions(&self) -> bool {
        *self == Self::EndSession
    }
}

/// Requests that are cancelled on purpose, as users cancel them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cancellation {
    /// Their share, in percent.
    pub(crate) percent: f64,
    /// Seconds from the last byte of a request to its cancellation.
    pub(crate) delay_s: f64,
}

impl Cancellation {
    /// The time from the last byte of a request to its cancellation.
    pub(crate) fn delay(&self) -> Duration {
        Duration::try_from_secs_f64(self.delay_s).unwrap_or(Duration::MAX)
    }
}
