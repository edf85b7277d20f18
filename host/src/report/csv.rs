//! The summary as CSV: one table with `AIPerf`'s column names, and our columns at the end.
//!
//! `AIPerf` writes two tables into one file, which no library reads. Here, a metric that is one number has it in the
//! column `avg`, as in the summary in JSON, and its other cells are empty. Floats are lossless. Compatibility: columns
//! are only ever added at the end; read them by name. A run with classes has a column `class`, and one with several measured
//! phases a column `phase`. They are empty in the rows of the whole run; behind these come the rows of classes, and then those of
//! phases.

use std::io::{self, Write};

use super::{by_class, by_phase, model::Report};
use crate::metrics::{Distribution, Metric, Results, Statistic, Stats, statistic::WITHOUT_P999};

/// Writes the summary.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    let (has_classes, has_phases) = (!report.by_class.is_empty(), !report.by_phase.is_empty());
    rows.write_record(
        ["Metric", "avg", "min", "max", "sum"]
            .into_iter()
            .chain(WITHOUT_P999.map(Statistic::key))
            .chain(["std", "p99.9", "count", "tag", "unit"])
            .chain(has_classes.then_some("class"))
            .chain(has_phases.then_some("phase")),
    )?;
    let of_no_class = |results: &Results| with_column(rows_of(results), has_classes);
    for cells in with_column(of_no_class(&report.profiling), has_phases) {
        rows.write_record(cells)?;
    }
    by_class::rows(report, rows_of, has_phases, &mut rows)?;
    by_phase::rows(report, of_no_class, &mut rows)?;
    rows.flush()
}

/// Rows with one more cell, which is empty.
fn with_column(mut rows: Vec<Vec<String>>, is_there: bool) -> Vec<Vec<String>> {
    for cells in &mut rows {
        cells.extend(is_there.then(String::new));
    }
    rows
}

fn rows_of(results: &Results) -> Vec<Vec<String>> {
    results.table.rows().map(|(metric, stats)| row(metric, &stats)).collect()
}

fn row(metric: &Metric, stats: &Stats) -> Vec<String> {
    let of = |statistic: Statistic| match stats {
        Stats::Distribution(values) => text(values.statistic(statistic)),
        Stats::OverTime(curve) => text(curve.statistic(statistic)),
        Stats::Scalar(_) => String::new(),
    };
    // What is one value at each moment has neither a number of values nor a sum of them.
    let (count, sum) = match stats {
        Stats::Distribution(Distribution { count, sum, .. }) => (count.to_string(), text(*sum)),
        Stats::Scalar(_) | Stats::OverTime(_) => (String::new(), String::new()),
    };
    let mut row = vec![name(metric), text(stats.avg())];
    row.extend([of(Statistic::Min), of(Statistic::Max), sum]);
    row.extend(WITHOUT_P999.map(of));
    row.extend([of(Statistic::Std), of(Statistic::P999), count]);
    row.extend([metric.tag.to_owned(), metric.unit.to_owned()]);
    row
}

fn text(value: f64) -> String {
    value.to_string()
}

/// The header with its unit, unless the header says it already.
fn name(metric: &Metric) -> String {
    match metric.unit_beside_name() {
        Some(unit) => format!("{} ({unit})", metric.header),
        None => metric.header.to_owned(),
    }
}
