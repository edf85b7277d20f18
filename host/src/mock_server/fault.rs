//! [`FaultPlan`]: which requests are broken, and how. It only decides; `exchange` does the breaking.
//!
//! "Every Nth request" counts API requests, of all API formats, by arrival, from 1; the requests N, 2N, 3N…
//! are hit. One request gets one fault: if several fall on it, the first in the order of [`FaultPlan`]'s fields. An early
//! close comes on top of any of them.

use std::{num::NonZeroU64, time::Duration};

use ::http::StatusCode;

/// The faults a server was told to make. Nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FaultPlan {
    /// Every Nth request is answered with this status and an error body.
    pub(crate) error: Option<(NonZeroU64, StatusCode)>,
    /// Every Nth answer ends in the middle: the connection is dropped, the body is unfinished.
    pub(crate) cut: Option<NonZeroU64>,
    /// Every Nth stream carries an error in its middle and ends with it. Other answers are left alone.
    pub(crate) stream_error: Option<(NonZeroU64, StreamErrorStyle)>,
    /// Every Nth answer pauses in its middle.
    pub(crate) stall: Option<(NonZeroU64, Stall)>,
    /// Every Nth time that somebody asks after a job, or for what it made, is answered with this status and an error body.
    pub(crate) poll_error: Option<(NonZeroU64, StatusCode)>,
    /// After every Nth answer the connection is closed although the answer advertised keep-alive.
    pub(crate) close: Option<NonZeroU64>,
}

/// What an error inside a stream looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamErrorStyle {
    /// An `event: error` line before the data, and `[DONE]` after it: what vLLM sends.
    Vllm,
    /// Only `data: {"error": …}`, and the stream ends without `[DONE]`.
    Bare,
}

/// How long an answer pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stall {
    /// The rest follows after this, at its usual pace.
    For(Duration),
    /// The rest never follows; the connection stays open until the client leaves.
    Forever,
}

/// The fault of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Error(StatusCode),
    Cut,
    StreamError(StreamErrorStyle),
    Stall(Stall),
}

impl Fault {
    /// The fault's name in the truth.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Error(_) => "error",
            Self::Cut => "cut",
            Self::StreamError(_) => "stream_error",
            Self::Stall(_) => "stall",
        }
    }
}

impl FaultPlan {
    /// The fault of the request with this number, counted from 1.
    pub(super) fn fault_of(&self, number: u64) -> Option<Fault> {
        let due = |every: NonZeroU64| number.is_multiple_of(every.get());
        if let Some((_, status)) = self.error.filter(|(every, _)| due(*every)) {
            return Some(Fault::Error(status));
        }
        if self.cut.is_some_and(due) {
            return Some(Fault::Cut);
        }
        if let Some((_, style)) = self.stream_error.filter(|(every, _)| due(*every)) {
            return Some(Fault::StreamError(style));
        }
        self.stall.filter(|(every, _)| due(*every)).map(|(_, stall)| Fault::Stall(stall))
    }

    /// What is wrong when somebody asks after a job for the time with this number, counted from 1.
    pub(super) fn fault_of_poll(&self, number: u64) -> Option<StatusCode> {
        self.poll_error.filter(|(every, _)| number.is_multiple_of(every.get())).map(|(_, status)| status)
    }

    /// Whether the connection closes after this request's answer, against its word.
    pub(super) fn closes_after(&self, number: u64) -> bool {
        self.close.is_some_and(|every| number.is_multiple_of(every.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(n: u64) -> NonZeroU64 {
        NonZeroU64::new(n).unwrap()
    }

    #[test]
    fn every_nth_request_is_hit_and_the_first_fault_in_order_wins() {
        let plan = FaultPlan {
            error: Some((every(6), StatusCode::BAD_GATEWAY)),
            cut: Some(every(3)),
            stream_error: Some((every(2), StreamErrorStyle::Bare)),
            stall: Some((every(5), Stall::Forever)),
            ..FaultPlan::default()
        };
        let names: Vec<_> = (1..=10).map(|number| plan.fault_of(number).map(Fault::name)).collect();
        let (error, cut, stream, stall) = (Some("error"), Some("cut"), Some("stream_error"), Some("stall"));
        assert_eq!(names, [None, stream, cut, stream, stall, error, None, stream, cut, stream]);
    }

    #[test]
    fn nothing_is_broken_unless_told() {
        let plan = FaultPlan::default();
        assert!((1..=1000).all(|number| plan.fault_of(number).is_none() && !plan.closes_after(number)));
    }
}
