//! The values of all requests of one kind of phase, by metric: [`Columns`].

use std::{collections::BTreeMap, iter::zip};

use rayon::prelude::*;

use super::{
    Counting, Measured, Metric, MetricTable, Outcomes, Results, Stats, TokenSource,
    catalogue::{PhaseFact, Source},
    pooled::GapPool,
    request::{Counter, Request},
    sessions::Session,
    values::Values,
};

const SECONDS_AN_HOUR: f64 = 3600.0;

/// The values of one kind of phase, by metric.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    by_metric: Vec<(&'static Metric, Column)>,
    outcomes: Outcomes,
    counting: Counting,
    counted_by_server: u64,
    counted_by_client: u64,
    sessions: SessionCounts,
    good: GoodCounts,
}

/// Sessions of several requests.
#[derive(Clone, Copy, Debug, Default)]
struct SessionCounts {
    begun: u64,
    complete: u64,
}

/// Requests that have objectives.
#[derive(Clone, Copy, Debug, Default)]
struct GoodCounts {
    judged: u64,
    good: u64,
}

impl GoodCounts {
    fn record(&mut self, is_good: Option<bool>) {
        self.judged += u64::from(is_good.is_some());
        self.good += u64::from(is_good == Some(true));
    }

    fn merge(&mut self, other: Self) {
        self.judged += other.judged;
        self.good += other.good;
    }
}

/// What is kept of a metric until the end.
#[derive(Clone, Debug)]
enum Column {
    Values(Values),
    Gaps(GapPool),
    /// `None` until a request says anything.
    Count(Option<u64>),
    /// Computed from the others.
    Derived,
}

impl Columns {
    /// Starts empty, for these metrics.
    pub(super) fn new(metrics: impl Iterator<Item = &'static Metric>) -> Self {
        let column = |metric: &'static Metric| match metric.source {
            Source::Request(_) | Source::Session(_) => (metric, Column::Values(Values::of_unit(metric.unit))),
            Source::Gaps => (metric, Column::Gaps(GapPool::default())),
            Source::Count(_) => (metric, Column::Count(None)),
            Source::Sum(_) | Source::Rate(_) | Source::Share(..) | Source::Phase(_) => {
                (metric, Column::Derived)
            }
        };
        Self {
            by_metric: metrics.map(column).collect(),
            outcomes: Outcomes::default(),
            counting: Counting::default(),
            counted_by_server: 0,
            counted_by_client: 0,
            sessions: SessionCounts::default(),
            good: GoodCounts::default(),
        }
    }

    /// The same with only the metrics of these tags.
    pub(super) fn only(mut self, tags: &[&str]) -> Self {
        self.by_metric.retain(|(metric, _)| tags.contains(&metric.tag));
        self
    }

    /// Makes room for as many requests as there may be.
    pub(super) fn reserve(&mut self, most: usize) {
        for (_, column) in &mut self.by_metric {
            if let Column::Values(values) = column {
                values.reserve(most);
            }
        }
    }

    /// Takes a request in, which is a good one or not, if that is judged. What it measured is in `measured` afterwards.
    pub(super) fn record(&mut self, request: &Request<'_>, is_good: Option<bool>, measured: &mut Measured) {
        measured.clear();
        self.outcomes.record(request.record);
        self.good.record(is_good);
        if !request.record.outcome.is_ok() {
            return;
        }
        self.counting.record(request);
        match request.output_tokens() {
            Some((_, Counter::Server)) => self.counted_by_server += 1,
            Some((_, Counter::Client)) => self.counted_by_client += 1,
            None => {}
        }
        for (metric, column) in &mut self.by_metric {
            match (metric.source, column) {
                (Source::Request(measure), Column::Values(values)) => {
                    if let Some(value) = measure(request) {
                        values.push(value);
                        measured.push((*metric, value));
                    }
                }
                (Source::Count(is_true), Column::Count(count)) => {
                    if let Some(is_true) = is_true(request) {
                        *count = Some(count.unwrap_or(0) + u64::from(is_true));
                    }
                }
                (_, Column::Gaps(pool)) => {
                    request.record.chunk_gaps_ns.iter().for_each(|gap| pool.record(*gap));
                }
                // What is derived waits for the end; `new` pairs the other sources and columns.
                _ => {}
            }
        }
    }

    /// Takes a session of several requests in. Its requests are taken in by themselves.
    pub(super) fn record_session(&mut self, session: &Session) {
        self.sessions.begun += 1;
        if !session.is_complete() {
            return;
        }
        self.sessions.complete += 1;
        for (metric, column) in &mut self.by_metric {
            if let (Source::Session(measure), Column::Values(values)) = (metric.source, column)
                && let Some(value) = measure(session)
            {
                values.push(value);
            }
        }
    }

    /// Takes in those of another collector, with the same metrics.
    pub(super) fn merge(&mut self, other: Self) {
        self.outcomes.merge(other.outcomes);
        self.counting.merge(other.counting);
        self.counted_by_server += other.counted_by_server;
        self.counted_by_client += other.counted_by_client;
        self.good.merge(other.good);
        self.sessions.begun += other.sessions.begun;
        self.sessions.complete += other.sessions.complete;
        for ((_, column), (_, more)) in zip(&mut self.by_metric, other.by_metric) {
            column.merge(more);
        }
    }

    /// Computes the numbers, over a window of so many seconds.
    pub(super) fn results(&mut self, window_s: Option<f64>) -> Results {
        Results {
            table: self.table(window_s),
            outcomes: self.outcomes,
            token_source: self.token_source(),
            counting: self.counting,
        }
    }

    fn table(&mut self, window_s: Option<f64>) -> MetricTable {
        let mut found: Vec<Option<Stats>> =
            self.by_metric.par_iter_mut().map(|(_, column)| column.stats()).collect();
        let sums: BTreeMap<&str, f64> = zip(&self.by_metric, &found)
            .filter_map(|((metric, _), stats)| match stats {
                Some(Stats::Distribution(distribution)) => Some((metric.tag, distribution.sum)),
                _ => None,
            })
            .collect();
        let phase =
            Phase { sums, outcomes: self.outcomes, sessions: self.sessions, good: self.good, window_s };
        for ((metric, _), stats) in zip(&self.by_metric, &mut found) {
            *stats = stats.or_else(|| phase.derive(metric.source).map(Stats::Scalar));
        }
        let rows = zip(&self.by_metric, found)
            .filter_map(|((metric, _), stats)| stats.map(|stats| (*metric, stats)))
            .collect();
        MetricTable { rows }
    }

    fn token_source(&self) -> TokenSource {
        match (self.counted_by_server, self.counted_by_client) {
            (0, 0) => TokenSource::None,
            (_, 0) => TokenSource::Server,
            (0, _) => TokenSource::Client,
            (_, _) => TokenSource::Mixed,
        }
    }
}

impl Column {
    fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Values(values), Self::Values(more)) => values.merge(more),
            (Self::Gaps(pool), Self::Gaps(more)) => pool.merge(more),
            (Self::Count(count), Self::Count(Some(more))) => *count = Some(count.unwrap_or(0) + more),
            // Nothing to add. Columns of one metric are of one kind.
            _ => {}
        }
    }

    fn stats(&mut self) -> Option<Stats> {
        match self {
            Self::Values(values) => values.distribution().map(Stats::Distribution),
            Self::Gaps(pool) => pool.distribution_ms().map(Stats::Distribution),
            Self::Count(count) => count.map(|count| Stats::Scalar(count as f64)),
            Self::Derived => None,
        }
    }
}

/// What derived metrics are computed from.
struct Phase<'a> {
    sums: BTreeMap<&'a str, f64>,
    outcomes: Outcomes,
    sessions: SessionCounts,
    good: GoodCounts,
    window_s: Option<f64>,
}

impl Phase<'_> {
    fn derive(&self, source: Source) -> Option<f64> {
        match source {
            Source::Sum(tag) => self.sums.get(tag).copied(),
            Source::Rate(tags) => {
                let sums: Option<Vec<f64>> = tags.iter().map(|tag| self.sums.get(tag).copied()).collect();
                Some(sums?.iter().sum::<f64>() / self.window_s?)
            }
            Source::Share(part, whole) => {
                let whole = self.sums.get(whole).filter(|sum| **sum > 0.0)?;
                self.sums.get(part).map(|part| 100.0 * part / whole)
            }
            Source::Phase(fact) => self.fact(fact),
            Source::Request(_) | Source::Gaps | Source::Count(_) | Source::Session(_) => None,
        }
    }

    fn fact(&self, fact: PhaseFact) -> Option<f64> {
        let completed = self.outcomes.completed();
        match fact {
            PhaseFact::Succeeded => Some(self.outcomes.succeeded as f64),
            PhaseFact::Failed => Some(self.outcomes.failed as f64),
            PhaseFact::Cancelled => Some(self.outcomes.cancelled as f64),
            PhaseFact::Completed => Some(completed as f64),
            PhaseFact::ErrorRate => {
                (completed > 0).then(|| 100.0 * self.outcomes.failed as f64 / completed as f64)
            }
            PhaseFact::Throughput => Some(self.outcomes.succeeded as f64 / self.window_s?),
            PhaseFact::Window => self.window_s,
            // Without objectives, nothing is good or bad.
            PhaseFact::Good => (self.good.judged > 0).then_some(self.good.good as f64),
            PhaseFact::Goodput => (self.good.judged > 0)
                .then_some(self.good.good as f64)
                .zip(self.window_s)
                .map(|(good, s)| good / s),
            PhaseFact::GoodShare => {
                (self.good.judged > 0).then(|| self.good.good as f64 / self.good.judged as f64)
            }
            // Without dialogues, there is nothing to be said of them.
            PhaseFact::Sessions => (self.sessions.begun > 0).then_some(self.sessions.begun as f64),
            PhaseFact::CompleteSessions => (self.sessions.begun > 0).then_some(self.sessions.complete as f64),
            PhaseFact::SessionThroughput => (self.sessions.begun > 0)
                .then_some(self.sessions.complete as f64)
                .zip(self.window_s)
                .map(|(complete, window_s)| complete / (window_s / SECONDS_AN_HOUR)),
        }
    }
}
