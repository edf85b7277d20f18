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
        queue_growth::{self, Look},
        request::LatencyOrigin,
    },
    record::Record,
};

/// No such time was measured.
const NONE_US: u32 = u32::MAX;

/// A successful request. A million of them are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    /// From when on its latency counts.
    begun_ns: RunNs,
    /// Its latency, in microseconds.
    took_us: u32,
    /// Its time to first token, from when it was sent.
    first_us: u32,
}

/// The requests of one measured phase whose load stays the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    points: Vec<Point>,
    /// When others were under way, which failed or were cancelled.
    others: Vec<(RunNs, RunNs)>,
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
}

impl Series {
    /// Takes a request in, whose latency counts from there.
    pub(crate) fn record(&mut self, record: &Record, origin: LatencyOrigin) {
        self.has_sessions |= record.steps > 1;
        let instants = &record.instants;
        let Some(sent) = instants.sent else { return };
        let begun_ns = match origin {
            LatencyOrigin::Sent => sent,
            LatencyOrigin::Scheduled => instants.scheduled,
        };
        if !record.outcome.is_ok() {
            self.others.push((begun_ns, instants.end));
            return;
        }
        let first = instants.first_token.map(|at| at.saturating_sub(sent));
        self.points.push(Point {
            begun_ns,
            took_us: microseconds(instants.end.saturating_sub(begun_ns)),
            first_us: first.map_or(NONE_US, microseconds),
        });
    }

    /// Takes in those of another collector.
    pub(crate) fn merge(&mut self, other: Self) {
        self.points.extend(other.points);
        self.others.extend(other.others);
        self.has_sessions |= other.has_sessions;
    }

    /// What their order says; nothing where there are too few for it, or where sessions have several requests.
    pub(crate) fn steadiness(mut self, origin: LatencyOrigin) -> Option<Steadiness> {
        if self.has_sessions || self.points.len() < BATCHES * LEAST_OF_BATCH {
            return None;
        }
        self.points.sort_unstable();
        let latencies: Vec<f64> = self.points.iter().map(|point| milliseconds(point.took_us)).collect();
        let firsts: Vec<f64> = self
            .points
            .iter()
            .filter(|point| point.first_us != NONE_US)
            .map(|point| milliseconds(point.first_us))
            .collect();
        let latency = "request_latency";
        let mut changes = vec![(latency, Change::of(&batches(&latencies)))];
        if firsts.len() == latencies.len() {
            changes.push(("time_to_first_token", Change::of(&batches(&firsts))));
        }
        let drifts = changes.iter().filter_map(|(metric, change)| Some((*metric, change.drift?)));
        let starts = changes.iter().filter_map(|(metric, change)| Some((*metric, change.start_up?)));
        Some(Steadiness {
            requests: self.points.len() as u64,
            effective: effective::count(&latencies, &batches(&latencies)),
            spread: effective::spread(&batches(&latencies)),
            in_flight: self.in_flight()?,
            queue: if origin == LatencyOrigin::Scheduled { self.queue() } else { None },
            drift: drifts.max_by(|(_, a), (_, b)| a.size().total_cmp(&b.size())),
            start_up: starts.max_by(|(_, a), (_, b)| a.size().total_cmp(&b.size())),
        })
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

/// Values in a row, cut into batches of one size, but for one more or less.
fn batches(values: &[f64]) -> Vec<&[f64]> {
    let place = |batch: usize| batch * values.len() / BATCHES;
    (0..BATCHES).map(|batch| &values[place(batch)..place(batch + 1)]).collect()
}

/// As long as there is room for: an hour and more.
fn microseconds(ns: u64) -> u32 {
    u32::try_from(ns / 1000).unwrap_or(NONE_US).min(NONE_US - 1)
}

fn milliseconds(us: u32) -> f64 {
    f64::from(us) / 1000.0
}
