//! `profile_export_aiperf.csv`: two tables in one file, with an empty line between them.
//!
//! The first one has the metrics with many values, the second one those that are one number, both by their tags. Lines end as in files of
//! Windows, and numbers have two decimals.

use std::io::{self, Write};

use super::statistics;
use crate::metrics::{
    Metric, Stats,
    other_tools::{ToolResults, aiperf::COUNT},
};

/// The columns of the first table behind the name.
const COLUMNS: [&str; 14] =
    ["avg", "min", "max", "sum", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "std"];

/// A row: the tag by which it is sorted, the name, and the cells by column.
type Row = (&'static str, String, Vec<(&'static str, String)>);

/// Writes both tables.
pub(super) fn write(results: &ToolResults, out: &mut dyn Write) -> io::Result<()> {
    let (single, many): (Vec<_>, Vec<_>) =
        statistics::written(results.table()).partition(|(_, stats)| matches!(stats, Stats::Scalar(_)));
    let row =
        |(metric, stats): (&'static Metric, Stats)| -> Row { (metric.tag, name(metric), cells(&stats)) };
    let mut many: Vec<Row> = many.into_iter().map(row).collect();
    many.sort_by_key(|(tag, ..)| *tag);
    let mut single: Vec<Row> = single.into_iter().map(row).collect();
    single.extend(statistics::benchmark_duration_s(results.table()).map(|seconds| {
        let (tag, header, unit) = statistics::DURATION;
        (tag, format!("{header} ({unit})"), vec![("avg", format!("{seconds:.2}"))])
    }));
    single.sort_by_key(|(tag, ..)| *tag);
    let mut table = lines(out);
    table.write_record(["Metric"].into_iter().chain(COLUMNS))?;
    for (_, name, cells) in many {
        let cell = |column: &&str| {
            let found = cells.iter().find(|(key, _)| key == column);
            found.map(|(_, text)| text.clone()).unwrap_or_default()
        };
        table.write_record([name].into_iter().chain(COLUMNS.iter().map(cell)))?;
    }
    table.flush()?;
    drop(table);
    out.write_all(b"\r\n")?;
    let mut table = lines(out);
    table.write_record(["Metric", "Value"])?;
    for (_, name, cells) in single {
        table.write_record([name].into_iter().chain(cells.into_iter().map(|(_, text)| text)))?;
    }
    table.flush()
}

/// Statistics as texts, in the order of the columns.
pub(super) fn cells(stats: &Stats) -> Vec<(&'static str, String)> {
    let known = statistics::of(stats);
    let cell = |column: &'static str| {
        let (_, value) = known.iter().find(|(key, _)| *key == column)?;
        Some((column, value.as_f64().map(|number| format!("{number:.2}")).unwrap_or_default()))
    };
    COLUMNS.into_iter().filter_map(cell).collect()
}

fn lines(out: &mut dyn Write) -> csv::Writer<&mut dyn Write> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out)
}

/// The header with its unit, unless the header says it already.
pub(super) fn name(metric: &Metric) -> String {
    match metric.unit_beside_name() {
        None | Some(COUNT) => metric.header.to_owned(),
        Some(unit) => format!("{} ({unit})", metric.header),
    }
}
