//! The summary as CSV: AIPerf's two sections and column names, with our columns at the end.
//!
//! The first section holds metrics with many values, the second those with one, a blank line between them. Floats are
//! lossless. Compatibility: columns are only ever added at the end; read them by name.

use std::io::{self, Write};

use super::Report;
use crate::metrics::{Distribution, Metric, Stats};

const PERCENTILES_IN_ORDER: [&str; 9] = ["p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99"];

/// Writes the summary.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let table = &report.profiling.table;
    let mut rows = csv::Writer::from_writer(&mut *out);
    rows.write_record(
        ["Metric", "avg", "min", "max", "sum"]
            .into_iter()
            .chain(PERCENTILES_IN_ORDER)
            .chain(["std", "p99.9", "count", "tag"]),
    )?;
    for (metric, stats) in table.rows() {
        if let Stats::Distribution(distribution) = stats {
            rows.write_record(full_row(metric, &distribution))?;
        }
    }
    rows.flush()?;
    drop(rows);
    out.write_all(b"\n")?;
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(["Metric", "Value", "tag"])?;
    for (metric, stats) in table.rows() {
        if let Stats::Scalar(value) = stats {
            rows.write_record([name(metric), value.to_string(), metric.tag.to_owned()])?;
        }
    }
    rows.flush()
}

fn full_row(metric: &Metric, values: &Distribution) -> Vec<String> {
    let percentile = |key: &str| values.percentile(key).map(|value| value.to_string()).unwrap_or_default();
    let mut row = vec![name(metric)];
    row.extend([values.avg, values.min, values.max, values.sum].map(|value| value.to_string()));
    row.extend(PERCENTILES_IN_ORDER.map(percentile));
    row.push(values.std.to_string());
    row.push(percentile("p99.9"));
    row.push(values.count.to_string());
    row.push(metric.tag.to_owned());
    row
}

/// The header with its unit, unless the header says it already.
fn name(metric: &Metric) -> String {
    match metric.unit {
        "requests" => metric.header.to_owned(),
        unit => format!("{} ({unit})", metric.header),
    }
}
