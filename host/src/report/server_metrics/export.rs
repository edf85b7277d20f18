//! The servers' metrics of every phase: [`ServerMetricsReport`].

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use prony_plugin_api::message::{MetricKind, PhaseKind};
use serde::Serialize;

use super::{
    stats::{Stats, as_map},
    summary::Summary,
    timeline::{Bound, Family, Labels, Page, Timeline},
    window::{PhaseWindow, Scrapes},
};

/// Version of the JSON file. Readers of a version read every later one with the same major number.
pub(crate) const SCHEMA_VERSION: &str = "1.0";

/// The servers' metrics, by phase.
#[derive(Debug, Serialize)]
pub(crate) struct ServerMetricsReport {
    schema_version: &'static str,
    pub(super) summary: Summary,
    /// Of profiling phases, by name.
    pub(super) metrics: BTreeMap<String, Metric>,
    /// Of warm-up phases, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) warmup_metrics: BTreeMap<String, Metric>,
}

/// One metric of all pages.
#[derive(Debug, Serialize)]
pub(super) struct Metric {
    #[serde(rename = "type")]
    pub(super) kind: MetricKind,
    pub(super) description: String,
    pub(super) unit: Option<&'static str>,
    pub(super) series: Vec<PhaseSeries>,
}

/// One set of labels of one page in one phase.
#[derive(Debug, Serialize)]
pub(super) struct PhaseSeries {
    pub(super) endpoint_url: String,
    pub(super) labels: Labels,
    pub(super) phase: String,
    pub(super) stats: Stats,
    /// Observations up to each bound, of a histogram.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub(super) buckets: Vec<(Bound, f64)>,
}

impl ServerMetricsReport {
    /// Computes it. `wall_start_ns` is the run's start in nanoseconds since the Unix epoch. `None` when no page was
    /// ever asked for.
    pub(crate) fn compute(timeline: &Timeline, phases: &[PhaseWindow], wall_start_ns: u64) -> Option<Self> {
        if timeline.pages().is_empty() {
            return None;
        }
        let mut report = Self {
            schema_version: SCHEMA_VERSION,
            summary: Summary::of(timeline, phases, wall_start_ns),
            metrics: BTreeMap::new(),
            warmup_metrics: BTreeMap::new(),
        };
        for phase in phases {
            let metrics = match phase.kind {
                PhaseKind::Warmup => &mut report.warmup_metrics,
                PhaseKind::Profiling => &mut report.metrics,
            };
            for page in timeline.pages() {
                if let Some(scrapes) = Scrapes::of(phase, &page.instants) {
                    add_page(metrics, page, &phase.name(phases), &scrapes);
                }
            }
        }
        Some(report)
    }

    /// One line for each page that could not be scraped, or not always.
    pub(crate) fn unavailable(&self) -> Vec<String> {
        self.summary.unavailable()
    }

    /// Writes `server_metrics_export.json`, indented by two spaces.
    pub(crate) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        out.write_all(b"\n")
    }
}

fn add_page(metrics: &mut BTreeMap<String, Metric>, page: &Page, phase: &str, scrapes: &Scrapes) {
    for (name, family) in &page.families {
        let series: Vec<PhaseSeries> = family
            .series
            .iter()
            .filter_map(|(labels, series)| {
                let stats = Stats::of(family.kind, series, scrapes)?;
                let buckets = stats.buckets().to_vec();
                let (endpoint_url, labels, phase) = (page.url.clone(), labels.clone(), phase.to_owned());
                Some(PhaseSeries { endpoint_url, labels, phase, stats, buckets })
            })
            .collect();
        if series.is_empty() {
            continue;
        }
        let name = exported_name(page, name, family);
        let metric = metrics.entry(name.to_owned()).or_insert_with(|| Metric {
            kind: family.kind,
            description: family.help.clone(),
            unit: unit(name, family.kind),
            series: Vec::new(),
        });
        metric.series.extend(series);
    }
}

/// A counter's name without `_total`, which one version of the text format has in it and another has not.
fn exported_name<'a>(page: &Page, name: &'a str, family: &Family) -> &'a str {
    match name.strip_suffix("_total") {
        Some(stem) if family.kind == MetricKind::Counter && !page.families.contains_key(stem) => stem,
        _ => name,
    }
}

/// The unit that a name ends with, as Prometheus asks for.
pub(super) fn unit(name: &str, kind: MetricKind) -> Option<&'static str> {
    const UNITS: [(&str, &str); 13] = [
        ("_per_second", "1/sec"),
        ("_seconds", "seconds"),
        ("_milliseconds", "milliseconds"),
        ("_ms", "milliseconds"),
        ("_bytes", "bytes"),
        ("_tokens", "tokens"),
        ("_requests", "requests"),
        ("_blocks", "blocks"),
        ("_ratio", "ratio"),
        ("_perc", "ratio"),
        ("_percent", "percent"),
        ("_joules", "joules"),
        ("_celsius", "celsius"),
    ];
    let name = name.strip_suffix("_total").unwrap_or(name);
    // llama.cpp's `prompt_tokens_seconds` and `predicted_tokens_seconds` are throughputs.
    let is_token_rate = kind == MetricKind::Gauge && name.ends_with("_tokens_seconds");
    if is_token_rate || name.ends_with("_tokens_per_second") {
        return Some("tokens/sec");
    }
    UNITS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, unit)| *unit)
}
