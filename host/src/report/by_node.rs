//! The breakdown of a run with agents: how each agent fared, and which of them is far from the others.

use serde_json::{Map, Value, json};

use super::{
    model::Report,
    shown::Shown,
    text,
    values::{self, Exact},
};
use crate::{
    metrics::{
        Distribution, NodeResults, Results, Statistic, Stats,
        outliers::{OfOne, Outlier, outliers},
        samples::carries,
        tags,
    },
    record::{NodeFacts, settings::PhaseSettings},
    screen::Screen,
};
use prony_plugin_api::message::PhaseKind;

/// How late work on requests began, which only a schedule says.
const LATENESS: &str = tags::SCHEDULE_LATENESS;

/// What agents are compared by: a metric, and what its 99th percentile is called. All are durations in milliseconds.
const COMPARED: [(&str, &str); 3] = [
    (LATENESS, "p99 lateness"),
    (tags::TIME_TO_FIRST_TOKEN, "p99 TTFT"),
    (tags::REQUEST_LATENCY, "p99 latency"),
];

/// An agent that is far from the others.
pub(super) struct Far<'a> {
    pub(super) facts: &'a NodeFacts,
    /// Tag of the metric.
    pub(super) metric: &'static str,
    /// The statistic, for people.
    pub(super) what: &'static str,
    pub(super) outlier: Outlier,
}

impl Far<'_> {
    /// How many times the median of all agents it is; nothing of a median of 0.
    fn times(&self) -> Option<f64> {
        let Outlier { value, median, .. } = self.outlier;
        (median > 0.0).then(|| value / median)
    }

    /// In words: `agent c: 2.1 x the median p99 lateness (4.20 ms, median 2.00 ms)`.
    pub(super) fn says(&self) -> String {
        let Outlier { value, median, .. } = self.outlier;
        let (value, of_all) = (text::decimal(value), text::decimal(median));
        let (name, what) = (self.facts.called(), self.what);
        match self.times() {
            Some(times) => {
                format!("agent {name}: {times:.1} x the median {what} ({value} ms, median {of_all} ms)")
            }
            None => format!("agent {name}: {what} is {value} ms, and its median is {of_all} ms"),
        }
    }
}

/// The agents that are far from the others, by one metric after the other.
pub(super) fn far(report: &Report) -> Vec<Far<'_>> {
    let by = move |(metric, what): (&'static str, &'static str)| {
        let values: Vec<Option<OfOne>> = report.by_node.iter().map(|node| p99(node, metric)).collect();
        let found = outliers(&values).into_iter();
        found.filter_map(move |outlier| {
            let facts = &report.by_node.get(outlier.place)?.facts;
            Some(Far { facts, metric, what, outlier })
        })
    };
    let compared = COMPARED.into_iter().filter(|(metric, _)| *metric != LATENESS || is_open(report));
    compared.flat_map(by).collect()
}

/// A closed loop has no schedule to be late for.
fn is_open(report: &Report) -> bool {
    let is_open = |phase: &PhaseSettings| phase.kind == PhaseKind::Profiling && phase.is_open_loop;
    report.header.settings.phases.iter().any(is_open)
}

fn p99(node: &NodeResults, metric: &str) -> Option<OfOne> {
    let values = distribution(node.results.as_ref()?, metric)?;
    let value = values.statistic(Statistic::P99);
    let low = values.interval(Statistic::P99).map_or(f64::NEG_INFINITY, |(low, _)| low);
    Some(OfOne { value, low })
}

fn distribution(results: &Results, metric: &str) -> Option<Distribution> {
    match results.table.get(metric)? {
        Stats::Distribution(values) => Some(values),
        Stats::Scalar(_) | Stats::OverTime(_) => None,
    }
}

/// For the summary: an object for each agent; nothing where there is none.
pub(super) fn summary(report: &Report) -> Option<Value> {
    let far = far(report);
    let one = |node: &NodeResults| {
        let NodeResults { facts, results, client } = node;
        let own = far.iter().filter(|far| far.facts.node == facts.node);
        let outlier = |far: &Far<'_>| {
            json!({
                "metric": far.metric,
                "statistic": Statistic::P99.key(),
                "value": Exact(far.outlier.value),
                "median": Exact(far.outlier.median),
            })
        };
        let mut object = Map::new();
        let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
        set("node", facts.node.into());
        set("name", facts.called().into());
        set("labels", facts.labels.as_slice().into());
        set("version", facts.version.as_str().into());
        set("host", json!(facts.host));
        set("first_worker", facts.first_worker.into());
        set("workers", facts.workers.into());
        set("cpu_s", json!(facts.usage.map(|used| used.cpu_ns as f64 / 1e9)));
        set("peak_memory_bytes", facts.usage.and_then(|used| used.peak_memory_bytes).into());
        set("clock_bound_ns", facts.clock_bound_ns.into());
        set("clock_drift_ns", facts.clock_drift_ns.into());
        set(
            "lost",
            facts.lost.as_ref().map_or(
                Value::Null,
                |lost| json!({ "at_ns": report.wall_ns(lost.at_ns), "reason": lost.reason }),
            ),
        );
        set("unfinished", facts.unfinished.into());
        set("missing_bytes", facts.missing_bytes.into());
        set("journal_damage", facts.damage.as_deref().into());
        set("client_verdict", json!(client.verdict));
        set("client_reasons", client.reasons.as_slice().into());
        set("outliers", own.map(outlier).collect());
        let metrics = results.as_ref().map(|results| values::metrics(&results.table));
        object.extend(metrics.unwrap_or_default());
        Value::Object(object)
    };
    (!report.by_node.is_empty()).then(|| report.by_node.iter().map(one).collect())
}

/// For people: a row an agent; nothing where there is none.
pub(super) fn shown(report: &Report) -> Option<Shown> {
    table(report, |_| true)
}

/// The same for a screen: one that is too narrow does without what is less important.
pub(super) fn lines(report: &Report, screen: Screen) -> Vec<String> {
    let Some(all) = shown(report) else { return Vec::new() };
    let vital = || table(report, |column| column.is_vital).filter(|vital| vital.fits(screen));
    // What becomes a list has room for all of it.
    let table = if all.fits(screen) { all } else { vital().unwrap_or(all) };
    table.lines(screen)
}

fn table(report: &Report, is_wanted: fn(&Column) -> bool) -> Option<Shown> {
    if report.by_node.is_empty() {
        return None;
    }
    let has_values = |column: &Column| report.by_node.iter().any(|node| !column.cell(node).is_empty());
    let is_of_run = |column: &Column| column.tag != LATENESS || is_open(report);
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| is_wanted(column) && is_of_run(column) && has_values(column))
        .collect();
    let row = |node: &NodeResults| {
        let cells = columns.iter().map(|column| column.cell(node));
        [node.facts.called(), node.client.verdict.to_string()].into_iter().chain(cells).collect()
    };
    let is_starred = |node: &NodeResults| columns.iter().any(|column| column.cell(node).ends_with('*'));
    let starred = report.by_node.iter().any(is_starred);
    let star = starred.then(|| "* of too few requests for a p99: it is about the slowest of them".to_owned());
    Some(Shown {
        title: "Agents (times in ms)",
        head: ["agent", "client"].into_iter().chain(columns.iter().map(|column| column.name)).collect(),
        texts: 2,
        rows: report.by_node.iter().map(row).collect(),
        notes: [Some(clocks(report)), star].into_iter().flatten().collect(),
    })
}

/// What is known of their clocks.
fn clocks(report: &Report) -> String {
    let most =
        |ns: fn(&NodeFacts) -> u64| report.by_node.iter().map(|node| ns(&node.facts)).max().unwrap_or(0);
    let bound_ns = most(|facts| facts.clock_bound_ns);
    let right = format!("instants of an agent are right to within {} ms of the run's clock", ms(bound_ns));
    match most(|facts| facts.clock_drift_ns) {
        0 => right,
        drift_ns => format!("{right}, from which their clocks drifted by {} ms at most", ms(drift_ns)),
    }
}

/// The agent whose load may have been off the most against the run's clock, and by how many nanoseconds: what is not known of its clock,
/// and what it drifted.
pub(super) fn largest_clock_error(report: &Report) -> Option<(&NodeFacts, u64)> {
    let facts = report.by_node.iter().map(|node| &node.facts);
    let error = |facts: &NodeFacts| facts.clock_bound_ns.saturating_add(facts.clock_drift_ns);
    facts.map(|facts| (facts, error(facts))).max_by_key(|(_, error_ns)| *error_ns)
}

/// Milliseconds with as many decimals as a clock's error needs.
pub(super) fn ms(ns: u64) -> String {
    format!("{:.3}", ns as f64 / 1e6)
}

/// What the table says of each agent. A column without any value is left out.
struct Column {
    name: &'static str,
    tag: &'static str,
    value: fn(&Results, tag: &str) -> Option<String>,
    /// It stays where there is no room for all.
    is_vital: bool,
}

#[rustfmt::skip]
const COLUMNS: [Column; 8] = [
    Column { name: "requests", tag: tags::REQUEST_COUNT, value: whole, is_vital: true },
    Column { name: "errors", tag: tags::ERROR_REQUEST_COUNT, value: whole, is_vital: true },
    Column { name: "per s", tag: tags::REQUEST_THROUGHPUT, value: average, is_vital: true },
    Column { name: "TTFT p50", tag: tags::TIME_TO_FIRST_TOKEN, value: median, is_vital: false },
    Column { name: "TTFT p99", tag: tags::TIME_TO_FIRST_TOKEN, value: percentile_99, is_vital: true },
    Column { name: "latency p50", tag: tags::REQUEST_LATENCY, value: median, is_vital: false },
    Column { name: "latency p99", tag: tags::REQUEST_LATENCY, value: percentile_99, is_vital: true },
    Column { name: "late p99", tag: LATENESS, value: percentile_99, is_vital: true },
];

impl Column {
    fn cell(&self, node: &NodeResults) -> String {
        node.results.as_ref().and_then(|results| (self.value)(results, self.tag)).unwrap_or_default()
    }
}

fn whole(results: &Results, tag: &str) -> Option<String> {
    results.table.avg(tag).map(|count| count.to_string())
}

fn average(results: &Results, tag: &str) -> Option<String> {
    results.table.avg(tag).map(text::decimal)
}

fn median(results: &Results, tag: &str) -> Option<String> {
    distribution(results, tag).map(|values| text::decimal(values.statistic(Statistic::P50)))
}

/// Marked where the requests do not carry it.
fn percentile_99(results: &Results, tag: &str) -> Option<String> {
    let values = distribution(results, tag)?;
    let mark = if carries(values.count, Statistic::P99) { "" } else { "*" };
    Some(text::decimal(values.statistic(Statistic::P99)) + mark)
}
