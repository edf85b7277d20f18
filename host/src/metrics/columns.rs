//! The values of all requests of one kind of phase, by metric: [`Columns`].

use std::iter::zip;

use rayon::prelude::*;

use super::{
    Counting, Measured, Metric, MetricTable, Outcomes, Results, Stats, TokenSource,
    beside::Beside,
    curves::{self, Curve},
    derived::{Derived, GoodCounts, SessionCounts},
    in_flight::Flights,
    metric::Source,
    pooled::GapPool,
    request::{Counter, LatencyOrigin, Request},
    sessions::Session,
    steady::Steadiness,
    values::Values,
    window::Window,
};
use crate::plan::Price;

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
    /// When requests were under way, where a metric is about that.
    flights: Option<Flights>,
    price: Option<Price>,
}

/// What is kept of a metric until the end.
#[derive(Clone, Debug)]
enum Column {
    Values(Values),
    /// Large, and one of many: all columns together are to fit into the smallest cache, since each request passes by all of them.
    Gaps(Box<GapPool>),
    /// `None` until a request says anything.
    Count(Option<u64>),
    /// Computed from the others.
    Derived,
}

impl Columns {
    /// Starts empty, for these metrics, of a run that costs so much.
    pub(super) fn new(metrics: impl Iterator<Item = &'static Metric>, price: Option<Price>) -> Self {
        let column = |metric: &'static Metric| match metric.source {
            Source::Request(_) | Source::Failure(_) | Source::Session(_) => {
                (metric, Column::Values(Values::of_unit(metric.unit)))
            }
            Source::Gaps => (metric, Column::Gaps(Box::default())),
            Source::Count(_) => (metric, Column::Count(None)),
            Source::OverTime(_)
            | Source::Sum(_)
            | Source::Rate(_)
            | Source::Share(..)
            | Source::Ratio(..)
            | Source::OneAndRatio(..)
            | Source::AboveLeast(..)
            | Source::Above(..)
            | Source::Phase(_)
            | Source::Beside(_) => (metric, Column::Derived),
        };
        Self {
            by_metric: metrics.map(column).collect(),
            flights: Some(Flights::default()),
            price,
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
        self.flights =
            self.flights.filter(|_| self.by_metric.iter().any(|(metric, _)| curve(metric).is_some()));
        self
    }

    /// The same without metrics of what was going on at each moment.
    pub(super) fn without_curves(mut self) -> Self {
        self.by_metric.retain(|(metric, _)| curve(metric).is_none());
        self.flights = None;
        self
    }

    /// Makes room for as many requests as there may be.
    pub(super) fn reserve(&mut self, most: usize) {
        for (_, column) in &mut self.by_metric {
            if let Column::Values(values) = column {
                values.reserve(most);
            }
        }
        self.flights.iter_mut().for_each(|flights| flights.reserve(most));
    }

    /// Takes a request in, which is a good one or not, if that is judged. What it measured is in `measured` afterwards.
    pub(super) fn record(&mut self, request: &Request<'_>, is_good: Option<bool>, measured: &mut Measured) {
        measured.clear();
        self.outcomes.record(request.record);
        self.good.record(is_good);
        if let Some(flights) = &mut self.flights {
            flights.record(request);
        }
        if !request.record.outcome.is_ok() {
            self.record_failure(request);
            return;
        }
        self.counting.record(request);
        match request.output_tokens() {
            Some((_, Counter::Server)) => self.counted_by_server += 1,
            Some((_, Counter::Client)) => self.counted_by_client += 1,
            None => {}
        }
        for (metric, column) in &mut self.by_metric {
            match column {
                Column::Values(values) => {
                    if let Source::Request(measure) = metric.source
                        && let Some(value) = measure(request)
                    {
                        values.push(value);
                        if metric.in_lines {
                            measured.push((*metric, value));
                        }
                    }
                }
                Column::Count(count) => {
                    if let Source::Count(is_true) = metric.source
                        && let Some(is_true) = is_true(request)
                    {
                        *count = Some(count.unwrap_or(0) + u64::from(is_true));
                    }
                }
                Column::Gaps(pool) => request.record.chunk_gaps_ns.iter().for_each(|gap| pool.record(*gap)),
                // It waits for the end.
                Column::Derived => {}
            }
        }
    }

    /// Takes in what there is to know of a request that has failed.
    fn record_failure(&mut self, request: &Request<'_>) {
        if request.record.outcome.failure().is_none() {
            return;
        }
        for (metric, column) in &mut self.by_metric {
            if let (Source::Failure(measure), Column::Values(values)) = (metric.source, column)
                && let Some(value) = measure(request)
            {
                values.push(value);
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

    /// Gets what was taken in ready to be merged.
    pub(super) fn settle(&mut self) {
        for (_, column) in &mut self.by_metric {
            if let Column::Values(values) = column {
                values.settle();
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
        self.flights.iter_mut().zip(other.flights).for_each(|(flights, more)| flights.merge(more));
        for ((_, column), (_, more)) in zip(&mut self.by_metric, other.by_metric) {
            column.merge(more);
        }
    }

    /// Computes the numbers, over this window, in which this was measured beside the load.
    pub(super) fn results(&mut self, window: &Window, beside: Beside) -> Results {
        self.results_in_order(window, beside, None).0
    }

    /// The same, and what the order of its requests says, where their latencies have this origin.
    pub(super) fn results_in_order(
        &mut self,
        window: &Window,
        beside: Beside,
        origin: Option<LatencyOrigin>,
    ) -> (Results, Option<Steadiness>) {
        let (table, steadiness) = self.table(window, beside, origin);
        let results = Results {
            table,
            outcomes: self.outcomes,
            token_source: self.token_source(),
            counting: self.counting,
            good: self.good,
        };
        (results, steadiness)
    }

    fn table(
        &mut self,
        window: &Window,
        beside: Beside,
        origin: Option<LatencyOrigin>,
    ) -> (MetricTable, Option<Steadiness>) {
        let wanted: Vec<Option<Curve>> = self.by_metric.iter().map(|(metric, _)| curve(metric)).collect();
        let mut none = Flights::default();
        let flights = self.flights.as_mut().unwrap_or(&mut none);
        let (mut found, (steadiness, over_time)): (Vec<Option<Stats>>, _) = rayon::join(
            || self.by_metric.par_iter_mut().map(|(_, column)| column.stats()).collect(),
            || {
                // First, since one core does it alone: the others have values to sort meanwhile.
                let steadiness = origin.and_then(|origin| Steadiness::of(flights, origin));
                let wanted: Vec<Curve> = wanted.iter().flatten().copied().collect();
                (steadiness, curves::over_time(flights, window.parts(), &wanted))
            },
        );
        let places = zip(&wanted, &mut found).filter(|(curve, _)| curve.is_some());
        for ((_, stats), over_time) in zip(places, over_time) {
            *stats = over_time.map(Stats::OverTime);
        }
        let with_values = zip(&self.by_metric, &found);
        let known = with_values.filter_map(|((metric, _), stats)| Some((metric.tag, (*stats)?))).collect();
        let mut derived = Derived {
            known,
            outcomes: self.outcomes,
            sessions: self.sessions,
            good: self.good,
            window_s: window.seconds(),
            price: self.price,
            beside,
        };
        for ((metric, _), stats) in zip(&self.by_metric, &mut found) {
            if stats.is_none() {
                *stats = derived.derive(metric.source).map(Stats::Scalar);
                derived.known.extend(stats.map(|stats| (metric.tag, stats)));
            }
        }
        let rows = zip(&self.by_metric, found)
            .filter_map(|((metric, _), stats)| stats.map(|stats| (*metric, stats)))
            .collect();
        (MetricTable { rows }, steadiness)
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

/// The curve that a metric is of, if it is of one.
fn curve(metric: &Metric) -> Option<Curve> {
    match metric.source {
        Source::OverTime(curve) => Some(curve),
        _ => None,
    }
}

impl Column {
    fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Values(values), Self::Values(more)) => values.merge(more),
            (Self::Gaps(pool), Self::Gaps(more)) => pool.merge(*more),
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
