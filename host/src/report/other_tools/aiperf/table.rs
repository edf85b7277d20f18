//! `profile_export_aiperf.csv`: two tables in one file, with an empty line between them.
//!
//! The first one has the metrics with many values, by their tags; the second one those that are one number. Lines end as in files of
//! Windows, and numbers have two decimals.

use std::io::{self, Write};

use serde_json::Value;

use super::statistics;
use crate::metrics::{Metric, Stats, other_tools::ToolResults};

/// The columns of the first table behind the name.
const COLUMNS: [&str; 14] =
    ["avg", "min", "max", "sum", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "std"];

/// Writes both tables.
pub(super) fn write(results: &ToolResults, out: &mut dyn Write) -> io::Result<()> {
    let mut rows: Vec<(&Metric, Stats)> = statistics::written(results.table()).collect();
    rows.sort_by_key(|(metric, _)| metric.tag);
    let (single, many): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(_, stats)| matches!(stats, Stats::Scalar(_)));
    let mut table = lines(out);
    table.write_record(["Metric"].into_iter().chain(COLUMNS))?;
    for (metric, stats) in many {
        let known = statistics::of(metric, &stats);
        let cell = |key: &&str| {
            let found = known.iter().find(|(name, _)| name == key);
            found.map(|(_, value)| text(value)).unwrap_or_default()
        };
        table.write_record([name(metric)].into_iter().chain(COLUMNS.iter().map(cell)))?;
    }
    table.flush()?;
    drop(table);
    out.write_all(b"\r\n")?;
    let mut table = lines(out);
    table.write_record(["Metric", "Value"])?;
    for (metric, stats) in single {
        let value = statistics::of(metric, &stats).into_iter().find(|(key, _)| *key == "avg");
        table.write_record([name(metric), value.map(|(_, value)| text(&value)).unwrap_or_default()])?;
    }
    if let Some(seconds) = statistics::benchmark_duration_s(results.table()) {
        table.write_record(["Benchmark Duration (sec)".to_owned(), format!("{seconds:.2}")])?;
    }
    table.flush()
}

fn lines(out: &mut dyn Write) -> csv::Writer<&mut dyn Write> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out)
}

fn text(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() => format!("{number:.2}"),
        _ => value.to_string(),
    }
}

/// The header with its unit, unless the header says it already.
pub(super) fn name(metric: &Metric) -> String {
    match metric.unit {
        "requests" | "count" => metric.header.to_owned(),
        unit => format!("{} ({unit})", metric.header),
    }
}
