//! The table of metrics: a row of statistics each, in sections that name the unit once.

use super::super::{
    file_names,
    model::Report,
    text::{decimal, price},
    verdict::carries,
};
use crate::{
    metrics::{Distribution, Metric, Stats, quantile::PERCENTILES, samples::least},
    screen::{Align, Screen, Table},
};

/// Statistics of a metric, in the order of their columns.
const STATISTICS: [&str; 9] = ["avg", "min", "max", "p99.9", "p99", "p95", "p90", "p50", "std"];

/// What a screen that is too narrow for all of them can do without, the least important first.
const LEFT_OUT: [&str; 5] = ["std", "min", "max", "p99.9", "p90"];

/// What is a column only where some values carry it: most runs are too short for it.
const RARE: &str = "p99.9";

/// Names of metrics are broken into lines of this length before a statistic is left out.
const NAME_WIDTH: usize = 28;

/// Titles of units that several metrics share, in the order of their sections. Behind them come metrics with units of their own.
const SECTIONS: [(&str, &str); 3] = [
    ("ms", "Latency (ms)"),
    ("tokens/sec/user", "Throughput of a user (tokens/sec)"),
    ("tokens", "Lengths (tokens)"),
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
    let missing: Vec<&str> = all.iter().copied().filter(|name| !shown.contains(name)).collect();
    if !missing.is_empty() {
        let mut missing = missing;
        missing.sort_by_key(|name| LEFT_OUT.iter().position(|left_out| left_out == name));
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
pub(in crate::report) fn columns(sections: &[Section]) -> Vec<&'static str> {
    let is_carried = values(sections).any(|values| carries(values.count, RARE));
    STATISTICS.into_iter().filter(|name| *name != RARE || is_carried).collect()
}

/// What one cell says. A percentile that the values do not carry has a mark.
pub(in crate::report) fn cell(metric: &Metric, values: &Distribution, statistic: &str) -> String {
    match statistic {
        "avg" => decimal(values.avg),
        "min" => number(metric, values.min),
        "max" => number(metric, values.max),
        "std" => decimal(values.std),
        percentile => {
            let mark = if carries(values.count, percentile) { "" } else { "*" };
            values.percentile(percentile).map(decimal).unwrap_or_default() + mark
        }
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
pub(in crate::report) fn marks(sections: &[Section], shown: &[&str]) -> Option<String> {
    let is_marked = |name: &str| values(sections).any(|values| !carries(values.count, name));
    let needed = PERCENTILES.iter().filter(|(name, _)| shown.contains(name) && is_marked(name));
    let needed: Vec<String> = needed.map(|(name, quantile)| format!("{name} {}", least(*quantile))).collect();
    (!needed.is_empty()).then(|| format!("* too few samples for it (needed: {})", needed.join(", ")))
}

fn values(sections: &[Section]) -> impl Iterator<Item = &Distribution> {
    sections.iter().flat_map(|section| &section.rows).map(|(_, _, values)| values)
}

fn without(all: &[&'static str], left_out: &[&str]) -> Vec<&'static str> {
    all.iter().copied().filter(|name| !left_out.contains(name)).collect()
}

fn statistics(sections: &[Section], columns: &[&str], name_width: usize) -> Table {
    let table = Table::new().column("Metric", Align::Left).at_least(name_width);
    let mut table = columns.iter().fold(table, |table, name| table.column(*name, Align::Right));
    for Section { title, rows } in sections {
        table.title(*title);
        for (name, metric, values) in rows {
            let cells = columns.iter().map(|statistic| cell(metric, values, statistic));
            table.row([format!("  {name}")].into_iter().chain(cells));
        }
    }
    table
}
