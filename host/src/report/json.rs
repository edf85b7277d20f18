//! The summary as JSON: AIPerf's shape, with our additions beside it.
//!
//! Every metric is an object at top level, under its tag, in catalogue order. Numbers are lossless. Compatibility: within
//! a major [`SCHEMA_VERSION`], keys are only ever added.

use std::io::{self, Write};

use prony_plugin_api::message::PhaseKind;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    by_class, by_node, by_phase, by_url,
    errors::ErrorGroup,
    marks,
    model::Report,
    objectives, scenario,
    values::metrics,
    verdict::{self, Verdict},
};
use crate::{
    metrics::{Counting, Metric, PhaseCounts, PhaseSpan, Stats, Tally},
    plan::Role,
};

/// 2: `services` is an object by name and no list any more.
pub(super) const SCHEMA_VERSION: &str = "2.0";

const PERCENTILES_NOTE: &str = "Percentiles interpolate linearly between the two nearest ranks; those of \
    inter_chunk_latency come from a histogram with three significant digits. std is the population's. Only successful \
    requests have values.";

/// Writes the summary, indented by two spaces.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(render(report)?.as_bytes())
}

/// The text of the summary.
pub(crate) fn render(report: &Report) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(&summary(report)?)? + "\n")
}

fn summary(report: &Report) -> Result<Value, serde_json::Error> {
    let header = &report.header;
    let mut summary = Map::new();
    let mut set = |key: &str, value: Value| summary.insert(key.to_owned(), value);
    set("schema_version", SCHEMA_VERSION.into());
    set("prony_version", header.version.as_str().into());
    set("run_id", header.run_id.as_str().into());
    set("benchmark_id", header.run_id.as_str().into());
    for (tag, value) in metrics(&report.profiling.table) {
        set(&tag, value);
    }
    set("verdict", Verdict::of(report).summary(report));
    for (key, count) in counts(report) {
        set(key, count.into());
    }
    set("uncounted", report.uncounted.into());
    set("closed_idle", report.profiling.outcomes.closed_idle().into());
    set("cancelled_on_purpose", report.profiling.outcomes.cancelled_on_purpose.into());
    set("context_overflow_count", report.profiling.outcomes.overflowed.into());
    set("client", serde_json::to_value(&report.client)?);
    set("token_source", report.profiling.token_source.name().into());
    if report.header.capabilities.produces_tokens {
        set("token_counts", token_counts(&report.profiling.counting));
    }
    for (key, value) in where_there_is_any(report) {
        set(key, value);
    }
    for (key, value) in report.beside.summary() {
        set(&key, value);
    }
    report.speculation.iter().for_each(|said| drop(set("speculative_decoding", said.summary())));
    if let Some(sessions) = &header.settings.sessions {
        set("session_settings", serde_json::to_value(sessions)?);
    }
    set("input_config", header.config.clone());
    let run_info = json!({
        "command": header.command,
        "random_seed": header.settings.random_seed,
        "tokenizer": header.tokenizer,
    });
    set("run_info", run_info);
    set("was_cancelled", report.was_cancelled().into());
    let reason = verdict::why_incomplete(report);
    set("is_complete", reason.is_none().into());
    if let Some(reason) = reason {
        set("incomplete_reason", reason.into());
    }
    if report.damage.is_any() {
        set("journal_damage", serde_json::to_value(&report.damage)?);
    }
    set("error_summary", errors(&report.errors));
    if !report.by_url.is_empty() {
        set("targets", by_url::summary(report));
    }
    if !report.by_class.is_empty() {
        set("class_kind", json!(header.settings.classes.kind));
        set("classes", by_class::summary(report));
        set("fairness", by_class::fairness(report).into());
    }
    if !header.settings.goodput.is_empty() {
        set("objectives", json!(header.settings.goodput));
    }
    if !report.strangers.is_empty() {
        set("other_load", serde_json::to_value(&report.strangers)?);
    }
    let (start, end) = profiled_between(report);
    set("start_time", timestamp(report, start).into());
    set("end_time", end.and_then(|end| timestamp(report, end)).into());
    if let Some(warmup) = &report.warmup {
        set("warmup_metrics", Value::Object(metrics(&warmup.table)));
        set("warmup_error_summary", errors(&report.warmup_errors));
    }
    set("services", services(report)?);
    set("plugin_policy", serde_json::to_value(&header.plugin_policy)?);
    set("plugins", serde_json::to_value(report.plugins())?);
    set("notes", report.notes.as_slice().into());
    set("phases", report.phases.iter().map(|span| phase(report, span)).collect());
    set("models_seen", json!(report.models_seen.of_all_classes()));
    set("percentiles_note", PERCENTILES_NOTE.into());
    set("definitions", definitions(report));
    Ok(Value::Object(summary))
}

/// What became of the schedule; unknown where the run was killed.
fn counts(report: &Report) -> [(&'static str, Option<u64>); 5] {
    let of = |count: fn(PhaseCounts) -> u64| report.counts().map(count);
    [
        ("scheduled", of(|counts| counts.scheduled)),
        ("sent", of(|counts| counts.sent)),
        ("late", of(|counts| counts.late)),
        ("dropped", of(|counts| counts.dropped)),
        ("lost", of(|counts| counts.lost)),
    ]
}

/// What stands there only where there is something to say.
fn where_there_is_any(report: &Report) -> impl Iterator<Item = (&'static str, Value)> {
    let parts = [
        ("prefix_cache", report.prefix_cache.summary()),
        ("marks", marks::summary(report)),
        ("slo", objectives::summary(report)),
        ("scenario", scenario::summary(report)),
        ("intervals", objectives::shares(report)),
        ("agents", by_node::summary(report)),
    ];
    parts.into_iter().filter_map(|(key, value)| Some((key, value?)))
}

/// Tokens of the same texts by two counters, and requests by how their inter-token latency is known.
fn token_counts(counting: &Counting) -> Value {
    let tally =
        |tally: Tally| json!({ "requests": tally.requests, "server": tally.server, "client": tally.client });
    let mut bases: Map<String, Value> =
        counting.bases().map(|(basis, count)| (basis.name().to_owned(), count.into())).collect();
    bases.insert("missing".to_owned(), counting.missing.into());
    json!({
        "output": tally(counting.output),
        "input": tally(counting.input),
        "not_visible": counting.hidden,
        "empty_responses": counting.empty,
        "unread_responses": counting.unread,
        "inter_token_latency_basis": bases,
    })
}

/// How each service fared, and what it published, by name.
fn services(report: &Report) -> Result<Value, serde_json::Error> {
    let mut services = Map::new();
    for fared in report.end.iter().flat_map(|end| &end.services) {
        services.insert(fared.name.clone(), serde_json::to_value(fared)?);
    }
    for name in report.messages.services() {
        // Of a run that was killed, nobody knows how it fared.
        let service = services.entry(name).or_insert_with(|| json!({ "name": name }));
        service["messages"] = report.messages.summary(name).into();
    }
    Ok(Value::Object(services))
}

fn errors(groups: &[ErrorGroup]) -> Value {
    groups.iter().map(|group| json!({ "error_details": group.sample, "count": group.count })).collect()
}

/// The profiling window; from the run's start where nothing was profiled.
fn profiled_between(report: &Report) -> (u64, Option<u64>) {
    let profiling = report.phases.iter().filter(|span| span.kind == PhaseKind::Profiling);
    let start = profiling.clone().map(|span| span.start_ns).min();
    let end = profiling.filter_map(PhaseSpan::window_end_ns).max();
    (start.unwrap_or(0), end)
}

/// When the first measured phase began, to the second.
pub(super) fn start_time(report: &Report) -> Option<String> {
    let exact = timestamp(report, profiled_between(report).0)?;
    exact.get(..19).map(|text| text.replace('T', " ") + " UTC")
}

/// An instant of the run as RFC 3339 in UTC.
fn timestamp(report: &Report, run_ns: u64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(report.wall_ns(run_ns).into()).ok()?.format(&Rfc3339).ok()
}

/// A phase with its instants on the wall clock, as in the file of requests. Where several phases were profiled, it has numbers
/// of its own, which the metrics at top level are pooled from.
fn phase(report: &Report, span: &PhaseSpan) -> Value {
    let mut phase = json!({
        "index": span.index,
        "kind": span.kind,
        "start_ns": report.wall_ns(span.start_ns),
        "end_ns": span.end_ns.map(|end| report.wall_ns(end)),
        "window_end_ns": span.window_end_ns().map(|end| report.wall_ns(end)),
        "counts": span.counts(),
    });
    if let Some(name) = by_phase::names(&report.header).get(span.index as usize) {
        phase["name"] = name.as_str().into();
    }
    if let Some(known) = report.by_phase.iter().find(|known| known.index == span.index) {
        phase["role"] = match known.role {
            Role::Warmup => "warmup",
            Role::Measured => "measured",
        }
        .into();
        phase["token_source"] = known.results.token_source.name().into();
        phase["metrics"] = Value::Object(metrics(&known.results.table));
        phase["error_summary"] = errors(&known.errors);
    }
    phase
}

/// What the metrics mean, next to the numbers.
fn definitions(report: &Report) -> Value {
    let rows = report.profiling.table.rows();
    let definition = |(metric, _): (&'static Metric, Stats)| {
        let text = json!({ "text": metric.definition, "larger_is_better": metric.larger_is_better });
        (metric.tag.to_owned(), text)
    };
    Value::Object(rows.map(definition).collect())
}
