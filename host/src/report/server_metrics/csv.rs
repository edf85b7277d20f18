//! `server_metrics_export.csv`: one table with one header, a row for each series of each phase. A cell that does not
//! apply to the type of a metric is empty.
//!
//! Compatibility: read columns by name. Labels follow the statistics, one column each, with `label_` in front of their
//! names: a label may be called like a statistic.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use prony_plugin_api::message::MetricKind;

use super::{
    export::{Metric, PhaseSeries, ServerMetricsReport},
    stats::{CounterStats, GaugeStats, HistogramStats, Observed, Stats, SummaryStats},
    timeline::Bound,
};

/// What a row begins with.
const LEAD: [&str; 5] = ["Endpoint", "Phase", "Type", "Metric", "Unit"];

/// The statistics of all types.
const STATISTICS: [&str; 20] = [
    "avg",
    "min",
    "max",
    "std",
    "last",
    "p50",
    "p90",
    "p99",
    "total",
    "rate",
    "count",
    "count_rate",
    "sum",
    "sum_rate",
    "resets",
    "p50_estimate",
    "p90_estimate",
    "p99_estimate",
    "buckets",
    "quantiles",
];

/// Writes the phases, the warm-up first.
pub(crate) fn write(report: &ServerMetricsReport, out: &mut dyn Write) -> io::Result<()> {
    let metrics = || report.warmup_metrics.iter().chain(&report.metrics);
    let all_series = || metrics().flat_map(|(_, metric)| &metric.series);
    let labels: BTreeSet<&str> =
        all_series().flat_map(|series| series.labels.keys().map(String::as_str)).collect();
    let mut csv = csv::Writer::from_writer(out);
    let label_columns = labels.iter().map(|label| format!("label_{label}"));
    let header = LEAD.iter().chain(&STATISTICS).map(|&name| name.to_owned());
    csv.write_record(header.chain(label_columns).chain(["Description".to_owned()]))?;
    for (name, metric) in metrics() {
        for series in &metric.series {
            csv.write_record(row(name, metric, series, &labels))?;
        }
    }
    csv.flush()
}

fn row(name: &str, metric: &Metric, series: &PhaseSeries, labels: &BTreeSet<&str>) -> Vec<String> {
    let lead = [
        &series.endpoint_url,
        &series.phase,
        type_name(metric.kind, &series.stats),
        name,
        metric.unit.unwrap_or_default(),
    ];
    let values = values(&series.stats);
    let statistic = |column: &&str| {
        let found = values.iter().find(|(name, _)| name == column);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let label = |label: &&str| series.labels.get(*label).cloned().unwrap_or_default();
    let row = lead.into_iter().map(str::to_owned).chain(STATISTICS.iter().map(statistic));
    row.chain(labels.iter().map(label)).chain([metric.description.clone()]).collect()
}

/// By the statistics first: two pages may disagree about the type of a metric.
fn type_name(kind: MetricKind, stats: &Stats) -> &'static str {
    match stats {
        Stats::Counter(_) => "counter",
        Stats::Histogram(_) => "histogram",
        Stats::Summary(_) => "summary",
        Stats::Gauge(_) if kind == MetricKind::Untyped => "untyped",
        Stats::Gauge(_) => "gauge",
    }
}

/// The statistics that a series has, under the names of their columns.
fn values(stats: &Stats) -> Vec<(&'static str, String)> {
    match stats {
        Stats::Gauge(GaugeStats { avg, min, max, std, last, p50, p90, p99 }) => [
            ("avg", avg),
            ("min", min),
            ("max", max),
            ("std", std),
            ("last", last),
            ("p50", p50),
            ("p90", p90),
            ("p99", p99),
        ]
        .map(|(name, value)| (name, value.to_string()))
        .into(),
        Stats::Counter(CounterStats { total, rate, resets }) => {
            vec![("total", total.to_string()), ("rate", rate.to_string()), ("resets", resets.to_string())]
        }
        Stats::Histogram(HistogramStats { observed, estimates, buckets }) => {
            let mut values = observed_values(observed);
            values.extend(estimates.iter().flat_map(|estimates| {
                [
                    ("p50_estimate", estimates.p50.to_string()),
                    ("p90_estimate", estimates.p90.to_string()),
                    ("p99_estimate", estimates.p99.to_string()),
                ]
            }));
            values.push(("buckets", pairs(buckets)));
            values
        }
        Stats::Summary(SummaryStats { observed, quantiles }) => {
            let mut values = observed_values(observed);
            values.push(("quantiles", pairs(quantiles)));
            values
        }
    }
}

fn observed_values(observed: &Observed) -> Vec<(&'static str, String)> {
    let Observed { count, count_rate, sum, sum_rate, avg, resets } = observed;
    let mut values = vec![
        ("count", count.to_string()),
        ("count_rate", count_rate.to_string()),
        ("sum", sum.to_string()),
        ("sum_rate", sum_rate.to_string()),
        ("resets", resets.to_string()),
    ];
    values.extend(avg.map(|avg| ("avg", avg.to_string())));
    values
}

/// `bound=value;…`
fn pairs(pairs: &[(Bound, f64)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(bound, value)| format!("{bound}={value}")).collect();
    pairs.join(";")
}
