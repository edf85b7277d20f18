//! What the order of a phase's requests says, by when they began: [`Steadiness`].

use std::time::Duration;

use super::{
    BATCHES, LEAST_OF_BATCH, effective, mean,
    start_up::{StartUp, start_up},
    trend::{Drift, drift},
};
use crate::{
    clock::RunNs,
    metrics::{
        in_flight::{End, Flight, Flights},
        queue_growth::{self, Look},
        request::LatencyOrigin,
        tags,
    },
};

const NS_PER_MS: f64 = 1e6;

/// Lengths that change by less than this part of what latencies change by do not explain it.
const EXPLAINS: f64 = 0.5;

/// What the order of a phase's requests says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Steadiness {
    /// Successful requests.
    pub(crate) requests: u64,
    /// How many independent latencies theirs are worth.
    pub(crate) effective: f64,
    /// Standard deviation of the mean latencies of batches, as a part of the mean of all.
    pub(crate) spread: f64,
    /// Requests in flight on average, between the first and the last beginning.
    pub(crate) in_flight: f64,
    /// Requests in flight a third after the beginning and at the end, if their number grew without an end.
    pub(crate) queue: Option<[u64; 2]>,
    /// A beginning that is not like the rest, and of which metric; the one that differs most.
    pub(crate) start_up: Option<(&'static str, StartUp)>,
    /// What rises or falls, and how; the one that changes most.
    pub(crate) drift: Option<(&'static str, Drift)>,
    /// Lengths that change the same way as the latencies of `drift`, and by enough to be why, in tokens.
    pub(crate) lengths: Option<(&'static str, Drift)>,
}

impl Steadiness {
    /// What the order of a phase's requests says, whose latencies have this origin and whose load stays the same; nothing where there are
    /// too few for it, or where sessions have several requests.
    pub(in crate::metrics) fn of(flights: &mut Flights, origin: LatencyOrigin) -> Option<Self> {
        if flights.have_sessions {
            return None;
        }
        flights.sort_by_begun(origin);
        let series = Series { flights, origin };
        let until = series.until();
        let whole = || series.done().filter(|flight| flight.begun_ns(origin) < until);
        let latencies: Vec<f64> = whole().map(|flight| series.milliseconds(flight)).collect();
        if latencies.len() < BATCHES * LEAST_OF_BATCH {
            return None;
        }
        let all = |value: &dyn Fn(Flight) -> Option<f64>| whole().map(value).collect::<Option<Vec<f64>>>();
        let first =
            |flight: Flight| flight.tokens_ns.map(|(first, _)| (first - flight.sent_ns) as f64 / NS_PER_MS);
        let mut changes = vec![(tags::REQUEST_LATENCY, Change::of(&batches(&latencies)))];
        changes.extend(all(&first).map(|firsts| (tags::TIME_TO_FIRST_TOKEN, Change::of(&batches(&firsts)))));
        let drifts = changes.iter().filter_map(|(metric, change)| Some((*metric, change.drift?)));
        let starts = changes.iter().filter_map(|(metric, change)| Some((*metric, change.start_up?)));
        let drift = drifts.max_by(|(_, a), (_, b)| a.size().total_cmp(&b.size()));
        let count = |count: fn(Flight) -> u32| {
            all(&|flight| Some(f64::from(count(flight))).filter(|count| *count > 0.0))
        };
        let lengths = |drift| {
            let inputs = (tags::INPUT_SEQUENCE_LENGTH, count(|flight| flight.input));
            lengths([inputs, (tags::OUTPUT_SEQUENCE_LENGTH, count(|flight| flight.output))], drift)
        };
        Some(Self {
            requests: series.done().count() as u64,
            effective: effective::count(&latencies, &batches(&latencies)),
            spread: effective::spread(&batches(&latencies)),
            in_flight: series.in_flight()?,
            queue: if origin == LatencyOrigin::Scheduled { series.queue() } else { None },
            drift,
            lengths: drift.and_then(|(_, drift)| lengths(drift)),
            start_up: starts.max_by(|(_, a), (_, b)| a.size().total_cmp(&b.size())),
        })
    }
}

/// The requests of a phase in the order in which their latencies begin.
struct Series<'a> {
    flights: &'a Flights,
    origin: LatencyOrigin,
}

impl Series<'_> {
    /// Those that succeeded.
    fn done(&self) -> impl Iterator<Item = Flight> {
        self.flights.iter().filter(|flight| flight.end == End::Done)
    }

    fn milliseconds(&self, flight: Flight) -> f64 {
        self.took_ns(flight) as f64 / NS_PER_MS
    }

    fn took_ns(&self, flight: Flight) -> u64 {
        flight.end_ns.saturating_sub(flight.begun_ns(self.origin))
    }

    /// When the first of those began which the end of the run cut: of all that began later only the quick ones are left. One that
    /// took longer than all that succeeded hangs, and says nothing of when others would have ended.
    fn until(&self) -> RunNs {
        let longest = self.done().map(|flight| self.took_ns(flight)).max().unwrap_or_default();
        let cut = self.flights.iter().filter(|flight| flight.end == End::Cut);
        let that_work = cut.filter(|flight| self.took_ns(*flight) <= longest);
        that_work.map(|flight| flight.begun_ns(self.origin)).min().unwrap_or(RunNs::MAX)
    }

    /// The time in which those that succeeded began.
    fn span(&self) -> Option<(RunNs, RunNs)> {
        let mut begun = self.done().map(|flight| flight.begun_ns(self.origin));
        let first = begun.next()?;
        Some((first, begun.last()?))
    }

    fn in_flight(&self) -> Option<f64> {
        let (from, to) = self.span()?;
        let within = |flight: Flight| {
            flight.end_ns.min(to).saturating_sub(flight.begun_ns(self.origin).max(from)) as f64
        };
        (to > from).then(|| self.flights.iter().map(within).sum::<f64>() / (to - from) as f64)
    }

    fn queue(&self) -> Option<[u64; 2]> {
        let (from, to) = self.span()?;
        let look = |third: u64| {
            let at = from + (to - from) / 3 * third;
            let mut look = Look::default();
            for flight in self.flights.iter() {
                look.begun += u64::from(flight.begun_ns(self.origin) <= at);
                if flight.end_ns <= at {
                    look.ended += 1;
                    look.took += Duration::from_nanos(self.took_ns(flight));
                }
            }
            look
        };
        let looks = [Look::default(), look(1), look(2), look(3)];
        queue_growth::never_ends(looks).then(|| [looks[1].in_flight(), looks[3].in_flight()])
    }
}

/// What the means of batches say.
struct Change {
    start_up: Option<StartUp>,
    drift: Option<Drift>,
}

impl Change {
    fn of(batches: &[&[f64]]) -> Self {
        let means: Vec<f64> = batches.iter().map(|batch| mean(batch)).collect();
        let Some((cut, start_up)) = start_up(&means) else {
            return Self { start_up: None, drift: drift(&means) };
        };
        match drift(&means[cut..]) {
            // What goes on rising or falling behind it is no start-up.
            Some(drift) => Self { start_up: None, drift: Some(drift) },
            None => Self { start_up: Some(start_up), drift: None },
        }
    }
}

/// Lengths that may be why latencies drift; the ones that change most.
fn lengths(all: [(&'static str, Option<Vec<f64>>); 2], of_latency: Drift) -> Option<(&'static str, Drift)> {
    let changes =
        all.into_iter().filter_map(|(metric, counts)| Some((metric, Change::of(&batches(&counts?)).drift?)));
    let is_why = |drift: &Drift| {
        (drift.to > drift.from) == (of_latency.to > of_latency.from)
            && drift.size() >= EXPLAINS * of_latency.size()
    };
    changes.filter(|(_, drift)| is_why(drift)).max_by(|(_, a), (_, b)| a.size().total_cmp(&b.size()))
}

/// Values in a row, cut into batches of one size, but for one more or less.
fn batches(values: &[f64]) -> Vec<&[f64]> {
    let place = |batch: usize| batch * values.len() / BATCHES;
    (0..BATCHES).map(|batch| &values[place(batch)..place(batch + 1)]).collect()
}
