//! `profile_export_aiperf_timeslices.json` and `.csv`: the metrics of each slice of time.
//!
//! As in AIPerf, a request belongs to the slice in which it began, with all that it has, slices without any are left out, and the last
//! one ends with the last request. The grid begins with the first measured phase, where AIPerf's begins with the first request. Prony's
//! own slices, in `slices.json`, share requests out by overlap.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use prony_plugin_api::message::PhaseKind;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{super::super::model::Report, statistics, summary, table};
use crate::{
    metrics::{
        Measured, MetricTable, PhaseSpan,
        other_tools::{Seen, ToolAggregator},
        slices::{MOST_SLICES, Origin},
    },
    plan::Compat,
    record::RunHeader,
};

const NS_PER_S: f64 = 1e9;

/// Collects the numbers of slices.
#[derive(Clone, Debug)]
pub(super) struct Timeslices {
    width_ns: u64,
    origin: Origin,
    /// There are too many, or it is not known where they begin: nothing more is collected.
    is_refused: bool,
    nothing: Box<ToolAggregator>,
    by_place: BTreeMap<u64, ToolAggregator>,
}

/// The numbers of one slice.
#[derive(Debug)]
pub(super) struct Slice {
    start_ns: u64,
    end_ns: u64,
    /// It has its whole length.
    is_complete: bool,
    table: MetricTable,
}

impl Timeslices {
    /// None yet, of slices of so many seconds.
    pub(super) fn new(header: &RunHeader, seconds: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "flags bound it")]
        let width_ns = ((seconds * NS_PER_S) as u64).max(1);
        let nothing = ToolAggregator::new(Compat::Aiperf, header).without_curves();
        Self {
            width_ns,
            origin: Origin::default(),
            is_refused: false,
            nothing: Box::new(nothing),
            by_place: BTreeMap::new(),
        }
    }

    /// A measured phase begins; the first one counts.
    pub(super) fn begin(&mut self, at_ns: u64) {
        self.origin.begin(at_ns);
    }

    /// Takes a request in. `measured` is changed.
    pub(super) fn record(&mut self, seen: &Seen, measured: &mut Measured) {
        let began = seen.record().instants.started.saturating_sub(self.origin.ns());
        let place = began / self.width_ns;
        if place > MOST_SLICES {
            self.refuse();
        }
        if self.is_refused {
            return;
        }
        let nothing = &self.nothing;
        let slice = self.by_place.entry(place).or_insert_with(|| (**nothing).clone());
        slice.record(seen, PhaseKind::Profiling, measured);
    }

    /// There are to be no slices: what was collected is dropped.
    fn refuse(&mut self) {
        self.is_refused = true;
        self.by_place.clear();
    }

    /// Gets what was taken in ready to be merged.
    pub(super) fn settle(&mut self) {
        self.by_place.values_mut().for_each(ToolAggregator::settle);
    }

    /// Takes in those of another collector.
    pub(super) fn merge(&mut self, other: Self) {
        if self.by_place.is_empty() {
            self.origin = other.origin;
        }
        let is_elsewhere = !other.by_place.is_empty() && self.origin != other.origin;
        if self.is_refused || other.is_refused || is_elsewhere {
            return self.refuse();
        }
        for (place, more) in other.by_place {
            match self.by_place.get_mut(&place) {
                Some(slice) => slice.merge(more),
                None => drop(self.by_place.insert(place, more)),
            }
        }
    }

    /// Computes the numbers. None where there are no slices of prony's own either, for which the report says why.
    pub(super) fn finish(self, phases: &[PhaseSpan]) -> Option<Vec<Slice>> {
        let origin_ns = self.origin.ns();
        let measured = phases.iter().filter(|span| span.kind == PhaseKind::Profiling);
        let last_ns = measured.filter_map(PhaseSpan::window_end_ns).max().unwrap_or(origin_ns);
        let width_ns = self.width_ns;
        if self.is_refused || last_ns.saturating_sub(origin_ns).div_ceil(width_ns) > MOST_SLICES {
            return None;
        }
        let slice = |(place, aggregator): (u64, ToolAggregator)| {
            let start_ns = origin_ns.saturating_add(place.saturating_mul(width_ns));
            let whole_ns = start_ns.saturating_add(width_ns);
            let end_ns = whole_ns.min(last_ns);
            let kind = PhaseKind::Profiling;
            let span = PhaseSpan { kind, start_ns, last_request_ns: Some(end_ns), ..PhaseSpan::default() };
            let table = aggregator.results(&[span]).measured.table;
            Slice { start_ns, end_ns, is_complete: whole_ns <= last_ns, table }
        };
        Some(self.by_place.into_iter().map(slice).collect())
    }
}

/// Writes the slices as JSON.
pub(super) fn write_json(slices: &[Slice], report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let document =
        Document { timeslices: Objects(slices, report), input_config: summary::input_config(report) };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

/// The file. One slice after the other is made, since all of them are many values.
#[derive(Serialize)]
struct Document<'a> {
    timeslices: Objects<'a>,
    input_config: Value,
}

struct Objects<'a>(&'a [Slice], &'a Report);

impl Serialize for Objects<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(slices, report) = self;
        serializer.collect_seq(slices.iter().map(|slice| object(slice, report)))
    }
}

/// Whether a metric says something of a whole run alone: how late requests were, by the least late one of all.
fn is_of_run(tag: &str) -> bool {
    tag.starts_with("replay_sched_")
}

fn object(slice: &Slice, report: &Report) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("start_ns".to_owned(), report.wall_ns(slice.start_ns).into());
    object.insert("end_ns".to_owned(), report.wall_ns(slice.end_ns).into());
    if !slice.is_complete {
        object.insert("is_complete".to_owned(), false.into());
    }
    object.extend(statistics::metrics(&slice.table).into_iter().filter(|(tag, _)| !is_of_run(tag)));
    object
}

/// Writes the slices as a table with a row for each statistic.
pub(super) fn write_csv(slices: &[Slice], report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["Timeslice", "Start_NS", "End_NS", "Metric", "Unit", "Stat", "Value"])?;
    for (place, slice) in slices.iter().enumerate() {
        let [start, end] = [slice.start_ns, slice.end_ns].map(|at_ns| report.wall_ns(at_ns).to_string());
        for (_, header, unit, cells) in rows(&slice.table) {
            for (key, value) in cells {
                let place = place.to_string();
                table.write_record([&place, &start, &end, header, unit, key, &value])?;
            }
        }
    }
    table.flush()
}

/// A metric of a slice: its tag, its name, its unit, and its statistics as texts.
type Row = (&'static str, &'static str, &'static str, Vec<(&'static str, String)>);

/// Those of a slice, by their tags.
fn rows(table: &MetricTable) -> Vec<Row> {
    let written = statistics::written(table).filter(|(metric, _)| !is_of_run(metric.tag));
    let mut rows: Vec<Row> = written
        .map(|(metric, stats)| (metric.tag, metric.header, metric.unit, table::cells(&stats)))
        .collect();
    rows.extend(statistics::benchmark_duration_s(table).map(|seconds| {
        let (tag, header, unit) = statistics::DURATION;
        (tag, header, unit, vec![("avg", format!("{seconds:.2}"))])
    }));
    rows.sort_by_key(|(tag, ..)| *tag);
    rows
}
