//! The requests of a phase in the order of their beginnings, and what that order says: [`Series`] and [`Steadiness`].

use std::time::Duration;

use super::{
    BATCHES, LEAST_OF_BATCH, effective, mean,
    start_up::{StartUp, start_up},
    trend::{Drift, drift},
};
use crate::{
    clock::RunNs,
    metrics::{
        per_request,
        queue_growth::{self, Look},
        request::{LatencyOrigin, Request},
    },
};

/// No such time was measured.
const NONE_US: u32 = u32::MAX;

/// Lengths that change by less than this part of what latencies change by do not explain it.
const EXPLAINS: f64 = 0.5;

/// A successful request. A million of them are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    /// From when on its latency counts.
    begun_ns: RunNs,
    /// Its latency, in microseconds.
    took_us: u32,
    /// Its time to first token, from when it was sent.
    first_us: u32,
    /// Its tokens, 0 where they are not known.
    input: u32,
    output: u32,
}

/// The requests of one measured phase whose load stays the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    points: Vec<Point>,
    /// When others were under way, which failed or were cancelled.
    others: Vec<(RunNs, RunNs)>,
    /// Those of them that the end of the run cut.
    cut: Vec<(RunNs, RunNs)>,
    /// There are sessions of several requests.
    has_sessions: bool,
}

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

impl Series {
    /// Takes a request in, whose latency counts from there.
    pub(crate) fn record(&mut self, request: &Request<'_>) {
        let Request { record, origin, .. } = *request;
        self.has_sessions |= record.steps > 1;
        let instants = &record.instants;
        let Some(sent) = instants.sent else { return };
        let begun_ns = match origin {
            LatencyOrigin::Sent => sent,
            LatencyOrigin::Scheduled => instants.scheduled,
        };
        if !record.outcome.is_ok() {
            let flight = (begun_ns, instants.end);
            self.others.push(flight);
            let is_cut = record.outcome.is_cancelled() && !record.outcome.is_cancelled_on_purpose();
            self.cut.extend(is_cut.then_some(flight));
            return;
        }
        let first = instants.first_token.map(|at| at.saturating_sub(sent));
        self.points.push(Point {
            begun_ns,
            took_us: microseconds(instants.end.saturating_sub(begun_ns)),
            first_us: first.map_or(NONE_US, microseconds),
            input: tokens(per_request::input_tokens(request)),
            output: tokens(request.output_tokens().map(|(count, _)| count)),
        });
    }

    /// Takes in those of another collector.
    pub(crate) fn merge(&mut self, other: Self) {
        self.points.extend(other.points);
        self.others.extend(other.others);
        self.cut.extend(other.cut);
        self.has_sessions |= other.has_sessions;
    }

    /// What their order says; nothing where there are too few for it, or where sessions have several requests.
    pub(crate) fn steadiness(mut self, origin: LatencyOrigin) -> Option<Steadiness> {
        if self.has_sessions || self.points.len() < BATCHES * LEAST_OF_BATCH {
            return None;
        }
        self.points.sort_unstable();
        let whole = self.whole();
        if whole.len() < BATCHES * LEAST_OF_BATCH {
            return None;
        }
        let latencies: Vec<f64> = whole.iter().map(|point| milliseconds(point.took_us)).collect();
        let firsts = whole.iter().map(|point| point.first_us).filter(|us| *us != NONE_US).map(milliseconds);
        let mut changes = vec![("request_latency", Change::of(&batches(&latencies)))];
        changes.extend(
            all_of(whole, firsts).map(|firsts| ("time_to_first_token", Change::of(&batches(&firsts)))),
        );
        let drifts = changes.iter().filter_map(|(metric, change)| Some((*metric, change.drift?)));
        let starts = changes.iter().filter_map(|(metric, change)| Some((*metric, change.start_up?)));
        let drift = drifts.max_by(|(_, a), (_, b)| a.size().total_cmp(&b.size()));
        Some(Steadiness {
            requests: self.points.len() as u64,
            effective: effective::count(&latencies, &batches(&latencies)),
            spread: effective::spread(&batches(&latencies)),
            in_flight: self.in_flight()?,
            queue: if origin == LatencyOrigin::Scheduled { self.queue() } else { None },
            drift,
            lengths: drift.and_then(|(_, drift)| lengths(whole, drift)),
            start_up: starts.max_by(|(_, a), (_, b)| a.size().total_cmp(&b.size())),
        })
    }

    /// The requests that began before any which the end of the run cut: of those that began later only the quick ones are left. One
    /// that took longer than all that succeeded hangs, and says nothing of when others would have ended.
    fn whole(&self) -> &[Point] {
        let longest =
            self.points.iter().map(|point| 1000 * u64::from(point.took_us)).max().unwrap_or_default();
        let cut = self.cut.iter().filter(|(begun, ended)| ended.saturating_sub(*begun) <= longest);
        let until = cut.map(|(begun, _)| *begun).min().unwrap_or(RunNs::MAX);
        &self.points[..self.points.partition_point(|point| point.begun_ns < until)]
    }

    /// When all of them began and ended.
    fn flights(&self) -> impl Iterator<Item = (RunNs, RunNs)> {
        let of_point = |point: &Point| (point.begun_ns, point.begun_ns + 1000 * u64::from(point.took_us));
        self.points.iter().map(of_point).chain(self.others.iter().copied())
    }

    /// The time in which requests began.
    fn span(&self) -> Option<(RunNs, RunNs)> {
        Some((self.points.first()?.begun_ns, self.points.last()?.begun_ns))
    }

    fn in_flight(&self) -> Option<f64> {
        let (from, to) = self.span()?;
        let within = |(begun, ended): (RunNs, RunNs)| ended.min(to).saturating_sub(begun.max(from)) as f64;
        (to > from).then(|| self.flights().map(within).sum::<f64>() / (to - from) as f64)
    }

    fn queue(&self) -> Option<[u64; 2]> {
        let (from, to) = self.span()?;
        let look = |third: u64| {
            let at = from + (to - from) / 3 * third;
            let mut look = Look::default();
            for (begun, ended) in self.flights() {
                look.begun += u64::from(begun <= at);
                if ended <= at {
                    look.ended += 1;
                    look.took += Duration::from_nanos(ended.saturating_sub(begun));
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
fn lengths(points: &[Point], of_latency: Drift) -> Option<(&'static str, Drift)> {
    let counts = |count: fn(&Point) -> u32| {
        all_of(points, points.iter().map(count).filter(|count| *count > 0).map(f64::from))
    };
    let all = [
        ("input_sequence_length", counts(|point| point.input)),
        ("output_sequence_length", counts(|point| point.output)),
    ];
    let changes =
        all.into_iter().filter_map(|(metric, counts)| Some((metric, Change::of(&batches(&counts?)).drift?)));
    let is_why = |drift: &Drift| {
        (drift.to > drift.from) == (of_latency.to > of_latency.from)
            && drift.size() >= EXPLAINS * of_latency.size()
    };
    changes.filter(|(_, drift)| is_why(drift)).max_by(|(_, a), (_, b)| a.size().total_cmp(&b.size()))
}

/// The values, if each of the requests has one.
fn all_of(points: &[Point], values: impl Iterator<Item = f64>) -> Option<Vec<f64>> {
    let values: Vec<f64> = values.collect();
    (values.len() == points.len()).then_some(values)
}

/// Values in a row, cut into batches of one size, but for one more or less.
fn batches(values: &[f64]) -> Vec<&[f64]> {
    let place = |batch: usize| batch * values.len() / BATCHES;
    (0..BATCHES).map(|batch| &values[place(batch)..place(batch + 1)]).collect()
}

/// As long as there is room for: an hour and more.
fn microseconds(ns: u64) -> u32 {
    u32::try_from(ns / 1000).unwrap_or(NONE_US).min(NONE_US - 1)
}

fn tokens(count: Option<u64>) -> u32 {
    u32::try_from(count.unwrap_or_default()).unwrap_or(u32::MAX)
}

fn milliseconds(us: u32) -> f64 {
    f64::from(us) / 1000.0
}
