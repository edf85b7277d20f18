//! When each request was under way, and with how many tokens: [`Flight`], kept as [`Flights`]. Failed and cancelled requests are under
//! way as well, until they end; only successful ones are known to have tokens.

mod flight;
mod packed;

use rayon::prelude::*;

pub(super) use self::flight::{End, Flight};
use self::packed::Packed;
use super::request::{LatencyOrigin, Request};
use crate::clock::RunNs;

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
        self.sort_by_begun(LatencyOrigin::Sent);
    }

    /// Sorts them by when their latencies begin.
    pub(super) fn sort_by_begun(&mut self, origin: LatencyOrigin) {
        match &mut self.kept {
            // The rest of both is unpacked only where they begin at the same time.
            Kept::Packed(flights) => flights.par_sort_unstable_by(|a, b| {
                let begun = a.begun_ns(origin).cmp(&b.begun_ns(origin));
                begun.then_with(|| a.flight().order(&b.flight()))
            }),
            Kept::Whole(flights) => flights.par_sort_unstable_by(|a, b| {
                a.begun_ns(origin).cmp(&b.begun_ns(origin)).then_with(|| a.order(b))
            }),
        }
    }

    /// The one at this place.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<Flight> {
        match &self.kept {
            Kept::Packed(flights) => flights.get(at).map(Packed::flight),
            Kept::Whole(flights) => flights.get(at).copied(),
        }
    }

    /// When the one at this place was sent.
    pub(super) fn sent_ns(&self, at: usize) -> Option<RunNs> {
        match &self.kept {
            Kept::Packed(flights) => flights.get(at).map(|flight| flight.begun_ns(LatencyOrigin::Sent)),
            Kept::Whole(flights) => flights.get(at).map(|flight| flight.sent_ns),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Flight> {
        (0..).map_while(|at| self.get(at))
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
