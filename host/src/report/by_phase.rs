//! The breakdown of a run with several measured phases: what each of them came to.

use std::io::{self, Write};

use super::{
    model::{PhaseReport, Report},
    text,
};
use crate::{
    metrics::{Results, Statistic, Stats, samples::carries, tags},
    plan::Role,
    record::{RunHeader, settings::PhaseSettings},
    screen::{Align, Screen, Table},
};

/// The names of a run's phases, in their order; none where the user has named none, and no more than one is measured.
pub(super) fn names(header: &RunHeader) -> Vec<String> {
    let phases = &header.settings.phases;
    let measured = phases.iter().filter(|phase| Role::from(phase.kind) == Role::Measured);
    let are_named = phases.iter().any(|phase| phase.name.is_some());
    if measured.count() > 1 || are_named { phases.iter().map(name).collect() } else { Vec::new() }
}

/// The name of a phase.
pub(super) fn name(phase: &PhaseSettings) -> String {
    phase.name.clone().unwrap_or_else(|| Role::from(phase.kind).name().to_owned())
}

/// For the table of metrics: the rows of each measured phase behind those of the run.
pub(super) fn rows<W: Write>(
    report: &Report,
    row: impl Fn(&Results) -> Vec<Vec<String>>,
    out: &mut csv::Writer<W>,
) -> io::Result<()> {
    for phase in measured(report) {
        for mut cells in row(&phase.results) {
            cells.push(phase.name.clone());
            out.write_record(cells)?;
        }
    }
    Ok(())
}

fn measured(report: &Report) -> impl Iterator<Item = &PhaseReport> {
    report.by_phase.iter().filter(|phase| phase.role == Role::Measured)
}

/// For people: a title and a table.
pub(super) fn lines(report: &Report, screen: Screen) -> Vec<String> {
    if report.by_phase.is_empty() {
        return Vec::new();
    }
    let width = screen.table_width();
    let all = table(report, &COLUMNS);
    let narrower = (1..=LEFT_OUT.len()).map(|count| {
        let columns: Vec<Column> =
            COLUMNS.into_iter().filter(|column| !LEFT_OUT[..count].contains(&column.name)).collect();
        table(report, &columns)
    });
    // What becomes a list has room for all of it.
    let fitting = std::iter::once(all.clone()).chain(narrower).find(|table| table.fits(width));
    ["By phase".to_owned()].into_iter().chain(fitting.unwrap_or(all).lines(width)).collect()
}

fn table(report: &Report, columns: &[Column]) -> Table {
    let table = Table::new().column("Phase", Align::Left);
    let mut table = columns.iter().fold(table, |table, column| table.column(column.title, Align::Right));
    for phase in measured(report) {
        let cells = columns.iter().map(|column| (column.cell)(&phase.results));
        table.row(std::iter::once(phase.name.clone()).chain(cells));
    }
    table
}

/// What the table says of each phase.
#[derive(Clone, Copy)]
struct Column {
    /// What no other column is called.
    name: &'static str,
    title: &'static str,
    cell: fn(&Results) -> String,
}

const COLUMNS: [Column; 8] = [
    Column { name: "requests", title: "requests", cell: |results| results.outcomes.succeeded.to_string() },
    Column { name: "errors", title: "errors", cell: |results| results.outcomes.failed.to_string() },
    Column { name: "rate", title: "requests/s", cell: |results| average(results, tags::REQUEST_THROUGHPUT) },
    Column { name: "ttft", title: "TTFT ms", cell: |results| average(results, tags::TIME_TO_FIRST_TOKEN) },
    Column { name: "ttft p99", title: "p99", cell: |results| p99(results, tags::TIME_TO_FIRST_TOKEN) },
    Column { name: "latency", title: "latency ms", cell: |results| average(results, tags::REQUEST_LATENCY) },
    Column { name: "latency p99", title: "p99", cell: |results| p99(results, tags::REQUEST_LATENCY) },
    Column {
        name: "tokens",
        title: "tokens/s",
        cell: |results| average(results, tags::OUTPUT_TOKEN_THROUGHPUT),
    },
];

/// What a screen that is too narrow for all of them can do without, the least important first.
const LEFT_OUT: [&str; 3] = ["tokens", "latency", "errors"];

/// Empty without a value.
fn average(results: &Results, tag: &str) -> String {
    results.table.avg(tag).map(text::decimal).unwrap_or_default()
}

fn p99(results: &Results, tag: &str) -> String {
    let Some(Stats::Distribution(values)) = results.table.get(tag) else { return String::new() };
    let mark = if carries(values.count, Statistic::P99) { "" } else { "*" };
    text::decimal(values.statistic(Statistic::P99)) + mark
}
