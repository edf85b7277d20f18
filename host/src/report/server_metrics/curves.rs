//! What servers said of themselves while there was load, as lines over time: [`Curve`]s.

use prony_plugin_api::message::MetricKind;

use super::{
    export::unit,
    timeline::{Column, Family, Labels, Page, Timeline},
};

/// Pictures at most.
const MOST_CURVES: usize = 12;
/// Lines of a picture at most.
const MOST_LINES: usize = 5;
/// Points of a line at most.
const MOST_POINTS: usize = 150;

/// What the name of a metric has in it that tells how busy a server is, the most telling first. Servers have no names in common.
const TELLING: [&str; 16] = [
    "requests_running",
    "running_req",
    "requests_waiting",
    "queue",
    "processing",
    "deferred",
    "cache_usage",
    "token_usage",
    "kv_cache",
    "power",
    "gpu_util",
    "preempt",
    "gen_throughput",
    "generation_tokens",
    "prompt_tokens",
    "inflight",
];

/// What the names of other metrics have in them.
const OTHERS: [&str; 5] = ["process_", "python_", "go_", "_created", "http_"];

/// One metric over time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    pub(crate) name: String,
    /// What the server says that it is.
    pub(crate) help: String,
    /// Unit of its values; of a counter, by the second.
    pub(crate) unit: String,
    /// For each series its page and labels, and points: seconds since the run's start, and values.
    pub(crate) lines: Vec<(String, Vec<(f64, f64)>)>,
    /// Series that are not in it, because there are too many.
    pub(crate) lines_left_out: usize,
    /// Metrics that have no curve, because there are too many. The same in all curves.
    pub(crate) metrics_left_out: usize,
}

/// Gauges, and counters by the second, of all pages between two instants. Those that never change are left out.
pub(crate) fn curves(timeline: &Timeline, from_s: f64, to_s: f64) -> Vec<Curve> {
    let mut found: Vec<(usize, Curve)> = Vec::new();
    for page in timeline.pages() {
        for (name, family) in &page.families {
            let Some(rank) = rank(name) else { continue };
            let lines = lines(page, family, from_s, to_s, timeline.pages().len() > 1);
            if lines.is_empty() {
                continue;
            }
            match found.iter_mut().find(|(_, curve)| curve.name == *name) {
                Some((_, curve)) => curve.lines.extend(lines),
                None => found.push((rank, Curve::of(name, family, lines))),
            }
        }
    }
    found.sort_by(|(a, first), (b, second)| a.cmp(b).then_with(|| first.name.cmp(&second.name)));
    let metrics = found.len();
    found.truncate(MOST_CURVES);
    found
        .into_iter()
        .map(|(_, mut curve)| {
            curve.lines_left_out = curve.lines.len().saturating_sub(MOST_LINES);
            curve.lines.truncate(MOST_LINES);
            curve.metrics_left_out = metrics.saturating_sub(MOST_CURVES);
            curve
        })
        .collect()
}

impl Curve {
    fn of(name: &str, family: &Family, lines: Vec<(String, Vec<(f64, f64)>)>) -> Self {
        let unit = unit(name, family.kind).unwrap_or_default();
        let unit = if family.kind == MetricKind::Counter { format!("{unit}/s") } else { unit.to_owned() };
        Self {
            name: name.to_owned(),
            help: family.help.clone(),
            unit,
            lines,
            lines_left_out: 0,
            metrics_left_out: 0,
        }
    }
}

fn rank(name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    if OTHERS.iter().any(|part| name.contains(part)) {
        return None;
    }
    TELLING.iter().position(|part| name.contains(part))
}

fn lines(
    page: &Page,
    family: &Family,
    from_s: f64,
    to_s: f64,
    has_others: bool,
) -> Vec<(String, Vec<(f64, f64)>)> {
    if !matches!(family.kind, MetricKind::Gauge | MetricKind::Counter | MetricKind::Untyped) {
        return Vec::new();
    }
    let instants: Vec<f64> = page.instants.iter().map(|ns| *ns as f64 / 1e9).collect();
    let of_series = |labels: &Labels, values: &[f64]| {
        let inside = instants.iter().copied().zip(values.iter().copied());
        let inside: Vec<(f64, f64)> = inside.filter(|(at, _)| (from_s..=to_s).contains(at)).collect();
        let thinned: Vec<(f64, f64)> =
            inside.iter().copied().step_by(inside.len().div_ceil(MOST_POINTS).max(1)).collect();
        let points = if family.kind == MetricKind::Counter { rates(&thinned) } else { thinned };
        let name = name_of(page, labels, has_others);
        varies(&points).then_some((name, points))
    };
    let series = family.series.iter();
    series
        .filter_map(|(labels, series)| of_series(labels, series.values(Column::Value, 0..instants.len())))
        .collect()
}

/// By the second, from one scrape to the next; a counter that was set back has none there.
fn rates(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let rate = |pair: &[(f64, f64)]| {
        let [(from, before), (to, value)] = pair else { return None };
        let rate = (value - before) / (to - from);
        Some((*to, if rate >= 0.0 { rate } else { f64::NAN }))
    };
    points.windows(2).filter_map(rate).collect()
}

fn varies(points: &[(f64, f64)]) -> bool {
    let mut values = points.iter().map(|(_, value)| *value).filter(|value| value.is_finite());
    let Some(first) = values.next() else { return false };
    values.any(|value| value.total_cmp(&first).is_ne())
}

/// The labels that tell series apart; servers repeat the name of the model in all of them.
fn name_of(page: &Page, labels: &Labels, has_others: bool) -> String {
    let labels = labels.iter().filter(|(name, _)| !matches!(name.as_str(), "model_name" | "model"));
    let labels = labels.map(|(name, value)| format!("{name}={value}"));
    has_others.then(|| page.url.clone()).into_iter().chain(labels).collect::<Vec<_>>().join(" ")
}
