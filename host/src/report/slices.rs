//! `slices.json` and `slices.csv`: the numbers of each slice of time.
//!
//! Compatibility: keys and rows are only ever added.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{
    model::Report,
    values::{Exact, statistics},
};
use crate::metrics::{
    Statistic, Stats,
    slices::{MOST_SLICES, NoSlices, Slice},
};

/// Version of the file. Readers of a version read every later one with the same major number.
pub(super) const SCHEMA_VERSION: &str = "1.0";

/// What is said where there are none.
pub(super) fn none(why: NoSlices) -> String {
    let reason = match why {
        NoSlices::TooMany => {
            format!("there are more than {MOST_SLICES}, so that `--slice-duration` is too short")
        }
        NoSlices::NoOrigin => "the journal does not say when the first measured phase began".to_owned(),
    };
    format!("no slices of time were written: {reason}")
}

/// The file. One slice after the other is made, since all of them are many values.
#[derive(Serialize)]
struct Document<'a> {
    schema_version: &'static str,
    run_id: &'a str,
    slice_duration_s: Option<f64>,
    slices: Objects<'a>,
}

struct Objects<'a>(&'a [Slice], &'a Report);

impl Serialize for Objects<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(slices, report) = self;
        serializer.collect_seq(slices.iter().enumerate().map(|(index, slice)| object(index, slice, report)))
    }
}

pub(super) fn write_json(slices: &[Slice], report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        schema_version: SCHEMA_VERSION,
        run_id: &report.header.run_id,
        slice_duration_s: report.header.settings.exports.slice_s,
        slices: Objects(slices, report),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

fn object(index: usize, slice: &Slice, report: &Report) -> Value {
    let metrics: Map<String, Value> = slice
        .rows()
        .into_iter()
        .map(|(tag, unit, stats)| (tag.to_owned(), statistics(unit, &stats)))
        .collect();
    json!({
        "index": index,
        "start_ns": report.wall_ns(slice.start_ns),
        "end_ns": report.wall_ns(slice.end_ns),
        "duration_s": slice.seconds(),
        "is_complete": slice.is_complete,
        "metrics": metrics,
    })
}

/// Writes them as a table with a row for each statistic.
pub(super) fn write_csv(slices: &[Slice], report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["slice", "start_ns", "end_ns", "is_complete", "tag", "unit", "stat", "value"])?;
    for (index, slice) in slices.iter().enumerate() {
        let [start, end] = [slice.start_ns, slice.end_ns].map(|at_ns| report.wall_ns(at_ns).to_string());
        let place = [index.to_string(), start, end, slice.is_complete.to_string()];
        for (tag, unit, stats) in slice.rows() {
            for (stat, value) in values(&stats) {
                let cells = [tag, unit, stat, &json!(Exact(value)).to_string()].map(str::to_owned);
                table.write_record(place.iter().chain(&cells))?;
            }
        }
    }
    table.flush()
}

/// The statistics of a row.
fn values(stats: &Stats) -> Vec<(&'static str, f64)> {
    let mut all = vec![(Statistic::Avg.key(), stats.avg())];
    if let Stats::Distribution(values) = stats {
        let further = [
            Statistic::Min,
            Statistic::P50,
            Statistic::P90,
            Statistic::P95,
            Statistic::P99,
            Statistic::Max,
            Statistic::Std,
        ];
        all.extend(further.map(|statistic| (statistic.key(), values.statistic(statistic))));
        all.push(("count", values.count as f64));
    }
    all
}
