//! When a phase stops sending.

use std::{num::NonZeroU64, time::Duration};

use crate::clock::{RunNs, as_ns};

/// When a phase stops sending. It always does: there is at least one rule, and the first that is met ends it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StopRule {
    requests: Option<NonZeroU64>,
    sessions: Option<NonZeroU64>,
    time: Option<TimeLimit>,
    /// After the last session of a recording.
    recording: bool,
}

/// A time after which nothing more is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TimeLimit {
    /// Seconds since the start of the phase.
    pub(crate) duration_s: f64,
    /// How long requests in flight are waited for then.
    pub(crate) grace: Grace,
}

/// How long to wait for requests in flight once no more are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Grace {
    Seconds(f64),
    /// Until the last one has ended.
    Infinite,
}

impl Grace {
    /// In seconds, unless it is infinite.
    pub(crate) fn seconds(self) -> Option<f64> {
        match self {
            Self::Seconds(seconds) => Some(seconds),
            Self::Infinite => None,
        }
    }
}

impl StopRule {
    /// After so many requests, so many sessions or a time, whichever comes first; nothing where there is none of them.
    pub(crate) fn of(
        requests: Option<NonZeroU64>,
        sessions: Option<NonZeroU64>,
        time: Option<TimeLimit>,
    ) -> Option<Self> {
        let is_empty = requests.is_none() && sessions.is_none() && time.is_none();
        (!is_empty).then_some(Self { requests, sessions, time, recording: false })
    }

    /// After so many requests.
    pub(crate) fn after_requests(requests: NonZeroU64) -> Self {
        Self { requests: Some(requests), sessions: None, time: None, recording: false }
    }

    /// After so many sessions.
    pub(crate) fn after_sessions(sessions: NonZeroU64) -> Self {
        Self { requests: None, sessions: Some(sessions), time: None, recording: false }
    }

    /// After the last session of a recording, or as [`StopRule::of`] says.
    pub(crate) fn of_replay(
        requests: Option<NonZeroU64>,
        sessions: Option<NonZeroU64>,
        time: Option<TimeLimit>,
    ) -> Self {
        Self { requests, sessions, time, recording: true }
    }

    /// The most requests that are sent, if their number is limited.
    pub(crate) fn requests(&self) -> Option<u64> {
        self.requests.map(NonZeroU64::get)
    }

    /// The most sessions that are started, if their number is limited.
    pub(crate) fn sessions(&self) -> Option<u64> {
        self.sessions.map(NonZeroU64::get)
    }

    /// The most sessions that can be started: each has a request at least.
    pub(crate) fn most_sessions(&self) -> Option<u64> {
        self.requests().into_iter().chain(self.sessions()).min()
    }

    /// The time limit, if there is one.
    pub(crate) fn time(&self) -> Option<TimeLimit> {
        self.time
    }

    /// For how many seconds requests are sent at most.
    pub(crate) fn duration_s(&self) -> Option<f64> {
        self.time().map(|time| time.duration_s)
    }

    /// The same as a duration.
    pub(crate) fn duration(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.duration_s()?).ok()
    }

    /// How long requests in flight are waited for after that; without limit where there is no value.
    pub(crate) fn grace(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.time()?.grace.seconds()?).ok()
    }

    /// From the start of the phase to the end of its grace period, in nanoseconds; `None` where one of the two has no end.
    pub(crate) fn ends_after_ns(&self) -> Option<RunNs> {
        let time = self.time()?;
        let end = Duration::try_from_secs_f64(time.duration_s + time.grace.seconds()?).ok()?;
        Some(as_ns(end))
    }
}
