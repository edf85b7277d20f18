//! Statistics of one series in one phase: exports [`Stats`]. Pure arithmetic over the scraped numbers.

mod buckets;
mod growth;

use prony_plugin_api::message::MetricKind;
use serde::{Serialize, Serializer};

use self::growth::Growth;
use super::{
    timeline::{Bound, Column, Series},
    window::Scrapes,
};
use crate::metrics::quantile::quantile;

/// What a phase did to a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Stats {
    /// Of a gauge, or of a metric whose type the server does not say.
    Gauge(GaugeStats),
    Counter(CounterStats),
    Histogram(HistogramStats),
    Summary(SummaryStats),
}

/// Over the values of the phase's scrapes, each of which weighs the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct GaugeStats {
    pub(super) avg: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// Sample standard deviation; 0 of a single value.
    pub(super) std: f64,
    pub(super) last: f64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
}

/// Between the phase's first and last scrape.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct CounterStats {
    pub(super) total: f64,
    /// A second.
    pub(super) rate: f64,
    /// How often the counter started over.
    pub(super) resets: usize,
}

/// Between the phase's first and last scrape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct HistogramStats {
    #[serde(flatten)]
    pub(super) observed: Observed,
    #[serde(flatten)]
    pub(super) estimates: Option<Estimates>,
    /// Observations up to each bound. Exported beside the statistics, not among them.
    #[serde(skip)]
    pub(super) buckets: Vec<(Bound, f64)>,
}

/// Between the phase's first and last scrape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct SummaryStats {
    #[serde(flatten)]
    pub(super) observed: Observed,
    /// As the server last computed them, over a window of its own.
    #[serde(serialize_with = "as_map")]
    pub(super) quantiles: Vec<(Bound, f64)>,
}

/// What a histogram or summary counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Observed {
    pub(super) count: f64,
    /// A second.
    pub(super) count_rate: f64,
    pub(super) sum: f64,
    /// A second.
    pub(super) sum_rate: f64,
    /// Absent when nothing was observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) avg: Option<f64>,
    /// How often the series started over.
    pub(super) resets: usize,
}

/// Percentiles, as far as the buckets and the mean tell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Estimates {
    #[serde(rename = "p50_estimate")]
    pub(super) p50: f64,
    #[serde(rename = "p90_estimate")]
    pub(super) p90: f64,
    #[serde(rename = "p99_estimate")]
    pub(super) p99: f64,
}

/// Pairs as a JSON object that keeps their order.
pub(super) fn as_map<S: Serializer>(pairs: &[(Bound, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(bound, value)| (bound, value)))
}

impl Stats {
    /// Computes what a phase's scrapes say about a series. `None` when they say nothing: it was not there, or a
    /// counter was seen only once.
    pub(super) fn of(kind: MetricKind, series: &Series, scrapes: &Scrapes) -> Option<Self> {
        match kind {
            MetricKind::Gauge | MetricKind::Untyped => {
                GaugeStats::of(series.values(Column::Value, scrapes.under_load.clone())).map(Self::Gauge)
            }
            MetricKind::Counter => {
                let growth = Growth::of(series.values(Column::Value, scrapes.between.clone()))?;
                let rate = rate(growth.total, scrapes)?;
                Some(Self::Counter(CounterStats { total: growth.total, rate, resets: growth.resets() }))
            }
            MetricKind::Histogram => HistogramStats::of(series, scrapes).map(Self::Histogram),
            MetricKind::Summary => SummaryStats::of(series, scrapes).map(Self::Summary),
        }
    }

    /// Observations up to each bound, of a histogram.
    pub(super) fn buckets(&self) -> &[(Bound, f64)] {
        if let Self::Histogram(stats) = self { &stats.buckets } else { &[] }
    }
}

/// What grew by `total` in the time between the scrapes, a second; `None` when there was no time.
fn rate(total: f64, scrapes: &Scrapes) -> Option<f64> {
    (scrapes.seconds > 0.0).then(|| total / scrapes.seconds)
}

impl GaugeStats {
    fn of(values: &[f64]) -> Option<Self> {
        let mut values: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        let last = *values.last()?;
        let count = values.len() as f64;
        let avg = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - avg).powi(2)).sum();
        let std = if values.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        values.sort_by(f64::total_cmp);
        let at = |share| quantile(&values, share);
        Some(Self { avg, min: at(0.0), max: at(1.0), std, last, p50: at(0.5), p90: at(0.9), p99: at(0.99) })
    }
}

impl Observed {
    /// The statistics, and the growth of the count, whose restarts hold for all columns.
    fn of(series: &Series, scrapes: &Scrapes) -> Option<(Self, Growth)> {
        let counts = series.values(Column::Count, scrapes.between.clone());
        let growth = Growth::of(counts)?;
        let (count, resets) = (growth.total, growth.resets());
        let sum = growth.beside(series.values(Column::Sum, scrapes.between.clone()));
        let (count_rate, sum_rate) = (rate(count, scrapes)?, rate(sum, scrapes)?);
        let avg = (count > 0.0).then(|| sum / count);
        Some((Self { count, count_rate, sum, sum_rate, avg, resets }, growth))
    }
}

impl HistogramStats {
    fn of(series: &Series, scrapes: &Scrapes) -> Option<Self> {
        let (observed, growth) = Observed::of(series, scrapes)?;
        let bucket = |column| match column {
            Column::Bucket(bound) => {
                Some((bound, growth.beside(series.values(column, scrapes.between.clone()))))
            }
            _ => None,
        };
        let buckets: Vec<(Bound, f64)> = series.columns().filter_map(bucket).collect();
        let at = |share| buckets::of_buckets(&buckets, observed.avg, share);
        let estimates = at(0.5).zip(at(0.9)).zip(at(0.99));
        let estimates = estimates.map(|((p50, p90), p99)| Estimates { p50, p90, p99 });
        Some(Self { observed, estimates, buckets })
    }
}

impl SummaryStats {
    fn of(series: &Series, scrapes: &Scrapes) -> Option<Self> {
        let (observed, _) = Observed::of(series, scrapes)?;
        let quantile = |column| match column {
            Column::Quantile(share) => {
                let last =
                    series.values(column, scrapes.between.clone()).iter().rfind(|value| !value.is_nan());
                last.map(|value| (share, *value))
            }
            _ => None,
        };
        Some(Self { observed, quantiles: series.columns().filter_map(quantile).collect() })
    }
}
