//! The table of metrics: a row of statistics each, in sections that name the unit once.

use super::super::{
    file_names,
    model::Report,
    text::{decimal, price},
};
use crate::{
    metrics::{
        Distribution, Metric, Statistic, Stats,
        samples::{carries, least},
        statistic::PERCENTILES,
        units,
    },
    screen::{Align, Screen, Table},
};

/// Statistics of a metric, in the order of their columns.
const STATISTICS: [Statistic; 9] = [
    Statistic::Avg,
    Statistic::Min,
    Statistic::Max,
    Statistic::P999,
    Statistic::P99,
    Statistic::P95,
    Statistic::P90,
    Statistic::P50,
    Statistic::Std,
];

/// What a screen that is too narrow for all of them can do without, the least important first.
const LEFT_OUT: [Statistic; 5] =
    [Statistic::Std, Statistic::Min, Statistic::Max, Statistic::P999, Statistic::P90];

/// What is a column only where some values carry it: most runs are too short for it.
const RARE: Statistic = Statistic::P999;

/// Names of metrics are broken into lines of this length before a statistic is left out.
const NAME_WIDTH: usize = 28;

/// Titles of units that several metrics share, in the order of their sections. Behind them come metrics with units of their own.
const SECTIONS: [(&str, &str); 3] = [
    (units::MS, "Latency (ms)"),
    (units::TOKENS_PER_SECOND_OF_A_USER, "Throughput of a user (tokens/sec)"),
    (units::TOKENS, "Lengths (tokens)"),
];

/// A section: its title, and its rows.
pub(in crate::report) struct Section {
    pub(in crate::report) title: &'static str,
    pub(in crate::report) rows: Vec<(String, &'static Metric, Distribution)>,
}

/// The table, and what is to be said of it.
pub(super) fn metrics(report: &Report, screen: Screen) -> Vec<String> {
    let sections = sections(report);
    if sections.is_empty() {
        return vec!["no request was measured".to_owned()];
    }
    let width = screen.table_width();
    let all = columns(&sections);
    let narrower = (0..LEFT_OUT.len()).map(|count| &LEFT_OUT[..count]);
    let fitting = narrower.map(|left_out| (left_out, NAME_WIDTH)).find(|(left_out, name_width)| {
        statistics(&sections, &without(&all, left_out), *name_width).fits(width)
    });
    let (left_out, name_width) = fitting.unwrap_or((&LEFT_OUT, 0));
    let shown = without(&all, left_out);
    let mut lines = statistics(&sections, &shown, name_width).lines(width);
    lines.extend(marks(&sections, &shown).map(|mark| screen.paragraph("", &mark)));
    let mut missing: Vec<Statistic> =
        all.iter().copied().filter(|statistic| !shown.contains(statistic)).collect();
    if !missing.is_empty() {
        missing.sort_by_key(|statistic| LEFT_OUT.iter().position(|left_out| left_out == statistic));
        let missing: Vec<&str> = missing.into_iter().map(Statistic::key).collect();
        let note =
            format!("left out to fit the width, but in `{}`: {}", file_names::SUMMARY, missing.join(", "));
        lines.push(screen.paragraph("", &note));
    }
    lines
}

/// What stands under which title.
pub(in crate::report) fn sections(report: &Report) -> Vec<Section> {
    let rows: Vec<(&'static Metric, Distribution)> = report
        .profiling
        .table
        .rows()
        .filter(|(metric, _)| metric.shown)
        .filter_map(|(metric, stats)| match stats {
            Stats::Distribution(values) => Some((metric, values)),
            Stats::Scalar(_) | Stats::OverTime(_) => None,
        })
        .collect();
    let of_unit = |unit: &'static str| rows.iter().filter(move |(metric, _)| metric.unit == unit);
    let mut sections: Vec<Section> = SECTIONS
        .iter()
        .map(|(unit, title)| Section {
            title,
            rows: of_unit(unit)
                .map(|(metric, values)| (metric.header.to_owned(), *metric, *values))
                .collect(),
        })
        .collect();
    let others = rows.iter().filter(|(metric, _)| SECTIONS.iter().all(|(unit, _)| *unit != metric.unit));
    let others =
        others.map(|(metric, values)| (format!("{} ({})", metric.header, metric.unit), *metric, *values));
    sections.push(Section { title: "Others", rows: others.collect() });
    sections.retain(|section| !section.rows.is_empty());
    sections
}

/// The statistics that are there to be shown.
pub(in crate::report) fn columns(sections: &[Section]) -> Vec<Statistic> {
    let is_carried = values(sections).any(|values| carries(values.count, RARE));
    STATISTICS.into_iter().filter(|statistic| *statistic != RARE || is_carried).collect()
}

/// What one cell says. A percentile that the values do not carry has a mark.
pub(in crate::report) fn cell(metric: &Metric, values: &Distribution, statistic: Statistic) -> String {
    let value = values.statistic(statistic);
    match statistic {
        Statistic::Min | Statistic::Max => number(metric, value),
        _ => decimal(value) + if carries(values.count, statistic) { "" } else { "*" },
    }
}

/// A value of a metric. A count has no decimals.
pub(in crate::report) fn number(metric: &Metric, value: f64) -> String {
    if metric.is_price() {
        return price(value);
    }
    let text = decimal(value);
    match text.strip_suffix(".00") {
        Some(whole) if metric.is_count() => whole.to_owned(),
        _ => text,
    }
}

/// What the marks mean, if there are any.
pub(in crate::report) fn marks(sections: &[Section], shown: &[Statistic]) -> Option<String> {
    let is_marked = |of: Statistic| values(sections).any(|values| !carries(values.count, of));
    let needed = PERCENTILES.iter().filter(|(of, _)| shown.contains(of) && is_marked(*of));
    let needed: Vec<String> =
        needed.map(|(of, quantile)| format!("{} {}", of.key(), least(*quantile))).collect();
    (!needed.is_empty()).then(|| format!("* too few samples for it (needed: {})", needed.join(", ")))
}

fn values(sections: &[Section]) -> impl Iterator<Item = &Distribution> {
    sections.iter().flat_map(|section| &section.rows).map(|(_, _, values)| values)
}

fn without(all: &[Statistic], left_out: &[Statistic]) -> Vec<Statistic> {
    all.iter().copied().filter(|statistic| !left_out.contains(statistic)).collect()
}

fn statistics(sections: &[Section], columns: &[Statistic], name_width: usize) -> Table {
    let table = Table::new().column("Metric", Align::Left).at_least(name_width);
    let add = |table: Table, statistic: &Statistic| table.column(statistic.key(), Align::Right);
    let mut table = columns.iter().fold(table, add);
    for Section { title, rows } in sections {
        table.title(*title);
        for (name, metric, values) in rows {
            let cells = columns.iter().map(|statistic| cell(metric, values, *statistic));
            table.row([format!("  {name}")].into_iter().chain(cells));
        }
    }
    table
}
