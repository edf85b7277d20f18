//! When each request was under way, and with how many tokens: [`Flight`], kept as [`Flights`]. Failed and cancelled requests are under
//! way as well, until they end; only successful ones are known to have tokens.

mod packed;

use std::cmp::Ordering;

use rayon::prelude::*;

use self::packed::Packed;
use super::{
    inter_token, per_request,
    request::{LatencyOrigin, Request},
};
use crate::clock::RunNs;

/// The time of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Flight {
    /// When the schedule wanted it sent.
    pub(super) scheduled_ns: RunNs,
    pub(super) sent_ns: RunNs,
    /// When its first generated token arrived, and when its last one did.
    pub(super) tokens_ns: Option<(RunNs, RunNs)>,
    pub(super) end_ns: RunNs,
    pub(super) end: End,
    /// Tokens of its input.
    pub(super) input: u32,
    /// Tokens of its output.
    pub(super) output: u32,
    /// Those that came after the first read.
    pub(super) later: f64,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// With success.
    Done,
    /// With a failure, or by a cancellation that was asked for.
    Failed,
    /// The run was over before it.
    Cut,
}

impl Flight {
    /// An order in which only those that are equal have no place.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let key =
            |it: &Self| (it.sent_ns, it.end_ns, it.tokens_ns, it.input, it.output, it.scheduled_ns, it.end);
        key(self).cmp(&key(other)).then(self.later.total_cmp(&other.later))
    }

    /// From when on its latency counts.
    pub(super) fn begun_ns(&self, origin: LatencyOrigin) -> RunNs {
        match origin {
            LatencyOrigin::Sent => self.sent_ns,
            LatencyOrigin::Scheduled => self.scheduled_ns,
        }
    }

    /// That of a request; nothing of one that was never sent.
    pub(super) fn of(request: &Request<'_>) -> Option<Self> {
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

/// Those of a phase: a run of a million requests has a million of them.
#[derive(Clone, Debug)]
pub(super) struct Flights {
    kept: Kept,
    /// Some are of sessions of several requests.
    pub(super) have_sessions: bool,
}

/// In the order of the last sorting, or in none.
#[derive(Clone, Debug)]
enum Kept {
    Packed(Vec<Packed>),
    /// One of them did not fit.
    Whole(Vec<Flight>),
}

impl Default for Flights {
    fn default() -> Self {
        Self { kept: Kept::Packed(Vec::new()), have_sessions: false }
    }
}

impl Flights {
    /// Takes a request in.
    pub(super) fn record(&mut self, request: &Request<'_>) {
        self.have_sessions |= request.record.steps > 1;
        self.extend(Flight::of(request));
    }

    /// Makes room for so many.
    pub(super) fn reserve(&mut self, most: usize) {
        match &mut self.kept {
            Kept::Packed(flights) => flights.reserve_exact(most),
            Kept::Whole(flights) => flights.reserve_exact(most),
        }
    }

    /// Takes in those of another collector.
    pub(super) fn merge(&mut self, other: Self) {
        self.have_sessions |= other.have_sessions;
        match (&mut self.kept, other.kept) {
            (Kept::Packed(flights), Kept::Packed(more)) => flights.extend(more),
            (_, Kept::Packed(more)) => self.extend(more.iter().map(Packed::flight)),
            (_, Kept::Whole(more)) => self.extend(more),
        }
    }

    /// Sorts them by when they were sent.
    pub(super) fn sort_by_sent(&mut self) {
        self.sort_by(Flight::order);
    }

    /// Sorts them by when their latencies begin.
    pub(super) fn sort_by_begun(&mut self, origin: LatencyOrigin) {
        self.sort_by(|a, b| a.begun_ns(origin).cmp(&b.begun_ns(origin)).then_with(|| a.order(b)));
    }

    /// The one at this place.
    pub(super) fn get(&self, at: usize) -> Option<Flight> {
        match &self.kept {
            Kept::Packed(flights) => flights.get(at).map(Packed::flight),
            Kept::Whole(flights) => flights.get(at).copied(),
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Flight> {
        (0..).map_while(|at| self.get(at))
    }

    fn sort_by(&mut self, order: impl Fn(&Flight, &Flight) -> Ordering + Sync) {
        match &mut self.kept {
            Kept::Packed(flights) => {
                flights.par_sort_unstable_by(|a, b| order(&a.flight(), &b.flight()));
            }
            Kept::Whole(flights) => flights.par_sort_unstable_by(order),
        }
    }

    fn push(&mut self, flight: Flight) {
        match &mut self.kept {
            Kept::Packed(flights) => match Packed::of(&flight) {
                Some(packed) => flights.push(packed),
                None => self.widen(flight),
            },
            Kept::Whole(flights) => flights.push(flight),
        }
    }

    fn widen(&mut self, one: Flight) {
        let all: Vec<Flight> = self.iter().chain([one]).collect();
        self.kept = Kept::Whole(all);
    }
}

impl Extend<Flight> for Flights {
    fn extend<T: IntoIterator<Item = Flight>>(&mut self, more: T) {
        more.into_iter().for_each(|flight| self.push(flight));
    }
}

/// No request has more tokens than this type has room for.
fn whole(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}
