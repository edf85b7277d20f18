//! The three numbers that people compare.

use super::super::{model::Report, text::decimal};
use crate::{
    metrics::{Metric, Statistic, Stats, samples::carries, tags},
    screen::Screen,
};

/// How many there are.
const NUMBERS: usize = 3;

/// Times that make a headline: two of them, the first ones that were measured.
const TIMES: [&str; 3] = [tags::TIME_TO_FIRST_TOKEN, tags::INTER_TOKEN_LATENCY, tags::REQUEST_LATENCY];
const MOST_TIMES: usize = 2;

/// Rates that follow them.
const RATES: [&str; 2] = [tags::OUTPUT_TOKEN_THROUGHPUT, tags::REQUEST_THROUGHPUT];

/// Percentiles that stand beside the median: the highest one that the values carry.
const TAILS: [Statistic; 3] = [Statistic::P99, Statistic::P95, Statistic::P90];

/// Each number in a line, with its name in front.
pub(super) fn numbers(report: &Report, screen: Screen) -> Vec<String> {
    let rows: Vec<Vec<String>> = headline(report)
        .into_iter()
        .map(|(metric, texts)| [metric.header.to_owned()].into_iter().chain(texts).collect())
        .collect();
    let width = rows.iter().filter_map(|row| row.get(1)).map(|text| number_width(text)).max().unwrap_or(0);
    let aligned = rows.into_iter().map(|mut row| {
        if let Some(text) = row.get_mut(1) {
            *text = " ".repeat(width - number_width(text)) + text;
        }
        row
    });
    screen.list(&aligned.collect::<Vec<_>>())
}

/// Where the number of a text ends.
fn number_width(text: &str) -> usize {
    text.find(' ').unwrap_or(text.len())
}

/// The metrics, each with texts: a number with its unit, and which one it is.
pub(in crate::report) fn headline(report: &Report) -> Vec<(&'static Metric, Vec<String>)> {
    let rows = || report.profiling.table.rows();
    let named = |tag: &&str| rows().find(|(metric, _)| metric.tag == *tag);
    let times = TIMES.iter().filter_map(named).take(MOST_TIMES);
    let rates = RATES.iter().filter_map(named);
    times.chain(rates).take(NUMBERS).map(|(metric, stats)| (metric, texts(metric, &stats))).collect()
}

/// A percentile that the values do not carry is no headline: without a median, it is the mean.
fn texts(metric: &Metric, stats: &Stats) -> Vec<String> {
    let said = |value: f64, which: &str| format!("{} {} {which}", decimal(value), metric.unit);
    match stats {
        Stats::Scalar(value) => vec![format!("{} {}", decimal(*value), metric.unit)],
        Stats::OverTime(curve) => vec![format!("{} {} on average", decimal(curve.avg), metric.unit)],
        Stats::Distribution(values) => {
            let of = |statistic: &Statistic| {
                let is_carried = carries(values.count, *statistic);
                is_carried.then(|| said(values.statistic(*statistic), statistic.key()))
            };
            match of(&Statistic::P50) {
                Some(median) => [median].into_iter().chain(TAILS.iter().find_map(of)).collect(),
                None => vec![said(values.avg, "on average")],
            }
        }
    }
}
