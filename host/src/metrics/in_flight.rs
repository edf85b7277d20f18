//! When each request was under way, and with how many tokens: [`Flight`]. Failed and cancelled requests are under way as well, until
//! they end; only successful ones are known to have tokens.

use std::cmp::Ordering;

use super::{inter_token, per_request, request::Request};
use crate::clock::RunNs;

/// The time of one request. A million requests have a million of these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Flight {
    pub(super) sent_ns: RunNs,
    /// When its first generated token arrived, and when its last one did.
    pub(super) tokens_ns: Option<(RunNs, RunNs)>,
    pub(super) end_ns: RunNs,
    /// Tokens of its input.
    pub(super) input: u32,
    /// Tokens of its output.
    pub(super) output: u32,
    /// Those that came after the first read.
    pub(super) later: f64,
}

impl Flight {
    /// An order in which only those that are equal have no place.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let key = |it: &Self| (it.sent_ns, it.end_ns, it.tokens_ns, it.input, it.output);
        key(self).cmp(&key(other)).then(self.later.total_cmp(&other.later))
    }

    /// That of a request; nothing of one that was never sent.
    pub(super) fn of(request: &Request<'_>) -> Option<Self> {
        let instants = &request.record.instants;
        let sent_ns = instants.sent.filter(|sent| *sent <= instants.end)?;
        let is_in_order =
            |(first, last): &(RunNs, RunNs)| sent_ns <= *first && first <= last && *last <= instants.end;
        let flight = Self {
            sent_ns,
            tokens_ns: instants.first_token.zip(instants.last_token).filter(is_in_order),
            end_ns: instants.end,
            input: 0,
            output: 0,
            later: 0.0,
        };
        if !request.record.outcome.is_ok() {
            return Some(flight);
        }
        let output = request.output_tokens().map_or(0, |(tokens, _)| tokens);
        let later = inter_token::later(request);
        Some(Self {
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
