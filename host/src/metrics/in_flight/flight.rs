//! When one request was under way, and with how many tokens: [`Flight`].

use std::cmp::Ordering;

use crate::{
    clock::RunNs,
    metrics::{
        inter_token, per_request,
        request::{LatencyOrigin, Request},
    },
};

/// The time of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::metrics) struct Flight {
    /// When the schedule wanted it sent.
    pub(in crate::metrics) scheduled_ns: RunNs,
    pub(in crate::metrics) sent_ns: RunNs,
    /// When its first generated token arrived, and when its last one did.
    pub(in crate::metrics) tokens_ns: Option<(RunNs, RunNs)>,
    pub(in crate::metrics) end_ns: RunNs,
    pub(in crate::metrics) end: End,
    /// Tokens of its input.
    pub(in crate::metrics) input: u32,
    /// Tokens of its output.
    pub(in crate::metrics) output: u32,
    /// Those that came after the first read.
    pub(in crate::metrics) later: f64,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::metrics) enum End {
    /// With success.
    Done,
    /// With a failure, or by a cancellation that was asked for.
    Failed,
    /// The run was over before it.
    Cut,
}

impl Flight {
    /// An order in which only those that are equal have no place.
    pub(in crate::metrics) fn order(&self, other: &Self) -> Ordering {
        let key =
            |it: &Self| (it.sent_ns, it.end_ns, it.tokens_ns, it.input, it.output, it.scheduled_ns, it.end);
        key(self).cmp(&key(other)).then(self.later.total_cmp(&other.later))
    }

    /// From when on its latency counts.
    pub(in crate::metrics) fn begun_ns(&self, origin: LatencyOrigin) -> RunNs {
        match origin {
            LatencyOrigin::Sent => self.sent_ns,
            LatencyOrigin::Scheduled => self.scheduled_ns,
        }
    }

    /// That of a request; nothing of one that was never sent.
    pub(in crate::metrics) fn of(request: &Request<'_>) -> Option<Self> {
        let (instants, outcome) = (&request.record.instants, &request.record.outcome);
        let sent_ns = instants.sent.filter(|sent| *sent <= instants.end)?;
        let is_in_order =
            |(first, last): &(RunNs, RunNs)| sent_ns <= *first && first <= last && *last <= instants.end;
        let is_cut = outcome.is_cancelled() && !outcome.is_cancelled_on_purpose();
        let flight = Self {
            scheduled_ns: instants.scheduled,
            sent_ns,
            tokens_ns: instants.first_token.zip(instants.last_token).filter(is_in_order),
            end_ns: instants.end,
            end: if is_cut { End::Cut } else { End::Failed },
            input: 0,
            output: 0,
            later: 0.0,
        };
        if !outcome.is_ok() {
            return Some(flight);
        }
        let output = request.output_tokens().map_or(0, |(tokens, _)| tokens);
        let later = inter_token::later(request);
        Some(Self {
            end: End::Done,
            input: per_request::input_tokens(request).map_or(0, whole),
            output: whole(output),
            later: later.unwrap_or(0.0).min(output as f64),
            ..flight
        })
    }
}

/// No request has more tokens than this type has room for.
fn whole(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}
