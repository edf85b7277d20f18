//! What has ended in some time, in numbers that add up: [`Ended`].

use serde::{Deserialize, Serialize};

use super::{
    per_request,
    request::{LatencyOrigin, Request},
    span::LATE_NS,
};

/// Keeps times.
pub(crate) trait NoteTime {
    /// One more, in milliseconds.
    fn note_time(&mut self, ms: f64);
}

/// Requests that have ended. What a request measures is defined where the report takes it from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended<T> {
    /// Those that ended well.
    pub(super) succeeded: u64,
    /// Those that failed.
    pub(super) failed: u64,
    /// Output tokens of those that ended well.
    pub(super) output_tokens: u64,
    /// Those that were sent.
    pub(super) sent: u64,
    /// Those that were sent late, in an open loop.
    pub(super) sent_late: u64,
    pub(super) first_token: T,
    pub(super) inter_token: T,
    pub(super) latency: T,
    /// How late they were sent, in an open loop.
    pub(super) lateness: T,
}

impl<T: NoteTime> Ended<T> {
    /// A request is over.
    pub(super) fn ended(&mut self, request: &Request<'_>) {
        let record = request.record;
        if let Some(sent) = record.instants.sent {
            self.sent += 1;
            if request.origin == LatencyOrigin::Scheduled {
                let late_ns = sent.saturating_sub(record.instants.scheduled);
                self.sent_late += u64::from(late_ns > LATE_NS);
                self.lateness.note_time(per_request::to_ms(late_ns as f64));
            }
        }
        if !record.outcome.is_ok() {
            let is_failure = !record.outcome.is_cancelled_on_purpose() && !record.outcome.is_overflow();
            self.failed += u64::from(is_failure);
            return;
        }
        self.succeeded += 1;
        note_some(&mut self.first_token, per_request::time_to_first_token(request));
        note_some(&mut self.latency, per_request::request_latency(request));
    }

    /// The tokens of a request are counted.
    pub(super) fn counted(&mut self, request: &Request<'_>) {
        if !request.record.outcome.is_ok() {
            return;
        }
        self.output_tokens += request.output_tokens().map_or(0, |(tokens, _)| tokens);
        note_some(&mut self.inter_token, per_request::inter_token_latency(request));
    }
}

fn note_some(times: &mut impl NoteTime, ms: Option<f64>) {
    if let Some(ms) = ms {
        times.note_time(ms);
    }
}
