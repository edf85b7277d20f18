//! `server_metrics_export.csv`: comment lines, then one section a type, each with a header of its own.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use prony_plugin_api::message::MetricKind;

use super::{
    Metric, PhaseSeries, ServerMetricsReport,
    stats::{CounterStats, GaugeStats, HistogramStats, Observed, Stats, SummaryStats},
    timeline::Bound,
};

/// The sections, in order. Metrics without a type stand among the gauges, whose statistics they have.
const SECTIONS: [Section; 4] = [
    Section {
        holds: |stats| matches!(stats, Stats::Gauge(_)),
        columns: &["avg", "min", "max", "std", "last", "p50", "p90", "p99"],
    },
    Section { holds: |stats| matches!(stats, Stats::Counter(_)), columns: &["total", "rate", "resets"] },
    Section {
        holds: |stats| matches!(stats, Stats::Histogram(_)),
        columns: &[
            "count",
            "count_rate",
            "sum",
            "sum_rate",
            "avg",
            "resets",
            "p50_estimate",
            "p90_estimate",
            "p99_estimate",
            "buckets",
        ],
    },
    Section {
        holds: |stats| matches!(stats, Stats::Summary(_)),
        columns: &["count", "count_rate", "sum", "sum_rate", "avg", "resets", "quantiles"],
    },
];

struct Section {
    /// By the statistics and not by the metric's type: two pages may disagree about that.
    holds: fn(&Stats) -> bool,
    /// What [`cells`] gives for these statistics.
    columns: &'static [&'static str],
}

/// Writes the profiling phases.
pub(super) fn write(report: &ServerMetricsReport) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let summary = &report.summary;
    writeln!(out, "# prony server metrics")?;
    writeln!(out, "# schema_version: {}", report.schema_version)?;
    writeln!(out, "# start_time: {}", summary.start_time.as_deref().unwrap_or_default())?;
    writeln!(out, "# end_time: {}", summary.end_time.as_deref().unwrap_or_default())?;
    writeln!(out, "# endpoints_configured: {}", summary.endpoints_configured.join(", "))?;
    writeln!(out, "# endpoints_successful: {}", summary.endpoints_successful.join(", "))?;
    for section in &SECTIONS {
        let metrics = report.metrics.iter();
        let rows: Vec<Row<'_>> = metrics.flat_map(|(name, metric)| rows_of(section, name, metric)).collect();
        if !rows.is_empty() {
            writeln!(out)?;
            out.extend(write_section(section, &rows)?);
        }
    }
    Ok(out)
}

/// A row before it is text.
struct Row<'a> {
    name: &'a str,
    metric: &'a Metric,
    series: &'a PhaseSeries,
}

fn rows_of<'a>(section: &Section, name: &'a str, metric: &'a Metric) -> Vec<Row<'a>> {
    let of_section = metric.series.iter().filter(|series| (section.holds)(&series.stats));
    of_section.map(|series| Row { name, metric, series }).collect()
}

fn write_section(section: &Section, rows: &[Row<'_>]) -> io::Result<Vec<u8>> {
    let labels: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.series.labels.keys().map(String::as_str)).collect();
    let mut csv = csv::Writer::from_writer(Vec::new());
    let header = ["Endpoint", "Phase", "Type", "Metric", "Unit"].into_iter();
    let header = header.chain(section.columns.iter().copied()).chain(labels.iter().copied());
    csv.write_record(header.chain(["Description"]))?;
    for Row { name, metric, series } in rows {
        let lead = [
            &series.endpoint_url,
            &series.phase,
            type_name(metric.kind),
            name,
            metric.unit.unwrap_or_default(),
        ];
        let label = |name: &&str| series.labels.get(*name).cloned().unwrap_or_default();
        let row =
            lead.into_iter().map(str::to_owned).chain(cells(&series.stats)).chain(labels.iter().map(label));
        csv.write_record(row.chain([metric.description.clone()]))?;
    }
    csv.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn type_name(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
        MetricKind::Summary => "summary",
        MetricKind::Untyped => "untyped",
    }
}

/// The statistics in the order of their section's columns.
fn cells(stats: &Stats) -> Vec<String> {
    match stats {
        Stats::Gauge(GaugeStats { avg, min, max, std, last, p50, p90, p99 }) => {
            [avg, min, max, std, last, p50, p90, p99].map(f64::to_string).into()
        }
        Stats::Counter(CounterStats { total, rate, resets }) => {
            vec![total.to_string(), rate.to_string(), resets.to_string()]
        }
        Stats::Histogram(HistogramStats { observed, estimates, buckets }) => {
            let estimates =
                estimates.map_or_else(Default::default, |it| [it.p50, it.p90, it.p99].map(|p| p.to_string()));
            observed_cells(observed).into_iter().chain(estimates).chain([pairs(buckets)]).collect()
        }
        Stats::Summary(SummaryStats { observed, quantiles }) => {
            observed_cells(observed).into_iter().chain([pairs(quantiles)]).collect()
        }
    }
}

fn observed_cells(observed: &Observed) -> [String; 6] {
    let Observed { count, count_rate, sum, sum_rate, avg, resets } = observed;
    let avg = avg.map(|avg| avg.to_string()).unwrap_or_default();
    [
        count.to_string(),
        count_rate.to_string(),
        sum.to_string(),
        sum_rate.to_string(),
        avg,
        resets.to_string(),
    ]
}

/// `bound=value;…`
fn pairs(pairs: &[(Bound, f64)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(bound, value)| format!("{bound}={value}")).collect();
    pairs.join(";")
}
