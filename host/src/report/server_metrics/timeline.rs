//! What was scraped, by series: exports [`Timeline`]. Knows nothing of phases and statistics.
//!
//! A page has hundreds of series, and a long run thousands of scrapes: a sample's names are kept once, and each of its
//! values as one number.

use std::{cmp::Ordering, collections::BTreeMap, fmt};

use prony_plugin_api::{
    ErrorDetails,
    message::{MetricFamily, MetricKind, MetricSample, ServerMetricsSample},
};
use serde::{Serialize, Serializer};

/// Label names and values.
pub(super) type Labels = BTreeMap<String, String>;

/// Everything that was scraped in a run.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    pages: Vec<Page>,
}

impl Timeline {
    /// Adds a scrape. Those of one page come in order of time.
    pub(crate) fn push(&mut self, sample: ServerMetricsSample) {
        let known = self.pages.iter().position(|page| page.url == sample.url);
        let at = known.unwrap_or_else(|| {
            self.pages.push(Page { url: sample.url.clone(), ..Page::default() });
            self.pages.len() - 1
        });
        self.pages[at].push(sample);
    }

    /// The pages, in the order in which they were first heard of.
    pub(super) fn pages(&self) -> &[Page] {
        &self.pages
    }
}

#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) url: String,
    /// When it was scraped with success, in nanoseconds since the run's start.
    pub(super) instants: Vec<u64>,
    /// How long these scrapes took together, in nanoseconds.
    pub(super) latency_ns: u64,
    /// Its first failure.
    pub(super) error: Option<ErrorDetails>,
    /// By name.
    pub(super) families: BTreeMap<String, Family>,
}

impl Page {
    fn push(&mut self, sample: ServerMetricsSample) {
        if let Some(error) = sample.error {
            self.error.get_or_insert(error);
            return;
        }
        let scrape = self.instants.len();
        self.instants.push(sample.at_ns);
        self.latency_ns = self.latency_ns.saturating_add(sample.latency_ns);
        for MetricFamily { name, kind, help, samples } in sample.families {
            let family =
                self.families.entry(name).or_insert_with(|| Family { kind, help, series: BTreeMap::new() });
            for sample in samples {
                family.push(scrape, sample);
            }
        }
    }
}

/// A metric of a page.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) kind: MetricKind,
    pub(super) help: String,
    /// By labels, without those that tell the columns of one series apart.
    pub(super) series: BTreeMap<Labels, Series>,
}

impl Family {
    fn push(&mut self, scrape: usize, sample: MetricSample) {
        let MetricSample { suffix, mut labels, value } = sample;
        let bound = |label: Option<String>| label?.parse().ok().map(Bound);
        let column = match (self.kind, suffix.as_str()) {
            (MetricKind::Histogram, "_bucket") => bound(labels.remove("le")).map(Column::Bucket),
            (MetricKind::Summary, "") => bound(labels.remove("quantile")).map(Column::Quantile),
            (MetricKind::Histogram | MetricKind::Summary, "_sum") => Some(Column::Sum),
            (MetricKind::Histogram | MetricKind::Summary, "_count") => Some(Column::Count),
            (MetricKind::Counter | MetricKind::Gauge | MetricKind::Untyped, "" | "_total") => {
                Some(Column::Value)
            }
            _ => None,
        };
        if let Some(column) = column {
            self.series.entry(labels).or_default().set(column, scrape, value);
        }
    }
}

/// One number of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    /// Of a counter or gauge.
    Value,
    /// Observations of a histogram or summary.
    Count,
    /// The sum of a histogram's or summary's observations.
    Sum,
    /// Observations up to a bound.
    Bucket(Bound),
    /// A quantile that the server computed.
    Quantile(Bound),
}

/// A bucket's upper bound, or a quantile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound(pub(super) f64);

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Bound {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Bound {}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == f64::INFINITY { f.write_str("+Inf") } else { self.0.fmt(f) }
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The numbers of one set of labels, by column and scrape.
#[derive(Debug, Default)]
pub(super) struct Series(BTreeMap<Column, Vec<f64>>);

impl Series {
    /// Not a number stands for a scrape without the series, as for any value that no statistics can use.
    fn set(&mut self, column: Column, scrape: usize, value: f64) {
        let values = self.0.entry(column).or_default();
        values.resize(scrape, f64::NAN);
        values.push(if value.is_finite() { value } else { f64::NAN });
    }

    /// A column's values in some scrapes; fewer where the series was gone at the end.
    pub(super) fn values(&self, column: Column, scrapes: std::ops::Range<usize>) -> &[f64] {
        let values = self.0.get(&column).map_or(&[][..], Vec::as_slice);
        let end = scrapes.end.min(values.len());
        values.get(scrapes.start..end).unwrap_or_default()
    }

    /// The columns, in order.
    pub(super) fn columns(&self) -> impl Iterator<Item = Column> {
        self.0.keys().copied()
    }
}
